-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What is taken from Orthanc's log. The lines are those of Orthanc 1.13.

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local case, equal = check.case, check.equal
local F = MediverseForwarder

local NOW = os.time({ year = 2026, month = 11, day = 29, hour = 17, min = 0, sec = 0 })

local function newJournal(path, kv)
  kv = kv or {}
  local memory = { read = function(key) return kv[key] end, write = function(key, value) kv[key] = value end }
  local world = { memory = memory, wall = function() return NOW end, json = function(value) return value end, parse = function(value) return value ~= '' and value or nil end }
  return F.Journal.new(path or '', world), kv
end

local function line(rest, thread, level, stamp)
  return (level or 'I') .. (stamp or '1129 16:22:45.247413') .. '     ' .. (thread or 'DICOM-SERVER') .. ' ' .. rest
end
local function open(aet, address)
  return line('CommandDispatcher.cpp:681] (dicom) Association Acknowledged (Max Send PDV: 16370) to AET ' .. aet .. ' on IP ' .. address)
end
local function release(aet, address) return line('CommandDispatcher.cpp:954] (dicom) Association Release with AET ' .. aet .. ' on IP ' .. address, 'DICOM-1') end
local MISSING = line('StoreScp.cpp:195] Store has failed because required tags (StudyInstanceUID) are missing for the following instance: PatientID=H3, SeriesInstanceUID=1.2.3, SOPInstanceUID=1.2.4', 'DICOM-0', 'E')
local EMPTY = { line('OrthancException.cpp:144] Bad file format: missing StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID', 'DICOM-3', 'E'),
  line('StoreScp.cpp:199] Exception while storing DICOM: Bad file format', 'DICOM-3', 'E') }

case('a refusal has its UID, reason, status and scanner, and no patient', function()
  local journal = newJournal()
  journal:take(open('CT 1', '192.168.0.10'))
  journal:take(MISSING)
  journal:take(MISSING)
  for _, text in ipairs(EMPTY) do journal:take(text) end
  journal:take(release('CT 1', '192.168.0.10'))
  local count, rows = journal:summary('image')
  equal({ count, #rows }, { 3, 2 })
  equal({ rows[2].Uid, rows[2].Reason, rows[2].Status, rows[2].Aet, rows[2].Address, rows[2].Times }, { '1.2.4', 'StudyInstanceUID is missing', 'A700', 'CT 1', '192.168.0.10', 2 })
  equal({ rows[1].Uid, rows[1].Reason }, { '', 'Bad file format: missing StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID' })
  for _, row in ipairs(rows) do for _, value in pairs(row) do if tostring(value):match('H3') then error('a patient') end end end
end)
case('when two scanners send, both are named', function()
  local journal = newJournal()
  journal:take(open('CT', '10.0.0.1'))
  journal:take(open('US', '10.0.0.2'))
  journal:take(MISSING)
  local _, rows = journal:summary('image')
  equal({ rows[1].Aet, rows[1].Reason }, { '', 'StudyInstanceUID is missing; sent by CT at 10.0.0.1 or US at 10.0.0.2' })
  journal:take(line('CommandDispatcher.cpp:964] (dicom) DIMSE failure (aborting association with AET US on IP 10.0.0.2): No Data Available', 'DICOM-2'))
  journal:take(MISSING)
  _, rows = journal:summary('image')
  equal({ rows[1].Aet, rows[1].Address }, { 'CT', '10.0.0.1' })
end)
case('rejected associations have their caller', function()
  local journal = newJournal()
  journal:take(line('CommandDispatcher.cpp:634] Rejected association for remote AET OTHER on IP 10.0.0.9', nil, 'W'))
  journal:take(line('CommandDispatcher.cpp:340] (dicom) Association Received from AET CT on IP 10.0.0.1'))
  journal:take(line('CommandDispatcher.cpp:619] Rejected association, because of a bad called AET in the request (WRONG)', nil, 'W'))
  journal:take(line('CommandDispatcher.cpp:845] Rejected C-FIND request from remote DICOM modality with AET "CT" and hostname "10.0.0.1"', 'DICOM-1', 'W'))
  journal:take(line('CommandDispatcher.cpp:333] Association Received from an invalid AET (sanitized: C_T) on IP 10.0.0.3, rejecting the association', nil, 'E'))
  -- A look whether the port is open is no association.
  journal:take(line('CommandDispatcher.cpp:333] Association Received from an invalid AET (sanitized: ) on IP 127.0.0.1, rejecting the association', nil, 'E'))
  local count, rows = journal:summary('association')
  equal({ count, rows[4].Aet, rows[4].Address, rows[3].Aet, rows[3].Address, rows[3].Reason }, { 4, 'OTHER', '10.0.0.9', 'CT', '10.0.0.1', 'it called WRONG' })
  equal({ rows[2].Reason, rows[2].Address, rows[1].Aet, rows[1].Address }, { 'it may not ask for C-FIND', '10.0.0.1', 'C_T', '10.0.0.3' })
end)
case('a job has the status that the other side gave', function()
  local journal = newJournal()
  journal:take(line('HttpClient.cpp:1115] | job bf08 | Error in HTTP request, received HTTP status 413 (Request Entity Too Large) after POST request on: https://c/instances', 'JOBS-WORKER-1', 'E'))
  equal({ journal:httpStatus('bf08') }, { 413, 'Request Entity Too Large' })
  equal({ journal:httpStatus('other') }, {})
  for number = 1, 300 do
    journal:take(line('HttpClient.cpp:1115] | job j' .. number .. ' | Error in HTTP request, received HTTP status 502 (Bad Gateway) after', 'JOBS-WORKER-1', 'E'))
  end
  equal({ journal.jobs.bf08, journal.jobs.j1, #journal.jobOrder }, { nil, nil, 200 })
end)
case('the day is that of the line, and old ones go', function()
  local journal = newJournal()
  journal:take(line('StoreScp.cpp:199] Exception while storing DICOM: The file storage is full', 'DICOM-1', 'E', '1120 10:00:00.000000'))
  journal:take(line('StoreScp.cpp:199] Exception while storing DICOM: The file storage is full', 'DICOM-1', 'E', '1128 23:59:59.000000'))
  journal:take(MISSING)
  journal:keep()
  local count, rows = journal:summary('image')
  equal({ count, #rows, journal.state.Days['2026-11-28'].image, journal.state.Days['2026-11-20'] }, { 1, 2, 1, nil })
end)
case('rows are bounded, and the count is not', function()
  local journal = newJournal()
  for number = 1, 500 do journal:take((MISSING:gsub('1%.2%.4', '1.2.' .. number))) end
  local count, rows = journal:summary('image')
  equal({ count, #rows, rows[1].Uid }, { 500, 20, '1.2.500' })
end)
case('other lines are none of its business', function()
  local journal = newJournal()
  for _, text in ipairs({ '', 'x', line('StoreScp.cpp:1] Store SCP Failed: DUL network closed', 'DICOM-1', 'E'), line('main.cpp:1] Exception while storing DICOM: no', 'MAIN', 'E') }) do journal:take(text) end
  equal({ (journal:summary('image')), journal.changed }, { 0, nil })
end)
case('a log is read once, in pieces, also across a restart; a new one from its beginning', function()
  local path = os.tmpname()
  local function append(text, mode)
    local file = io.open(path, mode or 'a')
    file:write(text)
    file:close()
  end
  append(line('main.cpp:1] Orthanc version: 1.13.0', 'MAIN', 'W') .. '\n' .. MISSING .. '\n' .. MISSING:sub(1, 40), 'w')
  local journal, kv = newJournal(path)
  journal:look()
  journal:keep()
  equal({ (journal:summary('image')), journal.readable }, { 1, true })
  append(MISSING:sub(41) .. '\r\n')
  journal:look()
  equal((journal:summary('image')), 2)   -- not kept: the process dies now
  kv.journal = { File = journal.state.File, Position = tostring(kv.journal.Position), Rows = kv.journal.Rows, Days = kv.journal.Days }
  kv.journal.Position, kv.journal.Days['2026-11-29'].image, kv.journal.Rows[1].Times = tostring(#line('main.cpp:1] Orthanc version: 1.13.0', 'MAIN', 'W') + #MISSING + 2), '1', '1'
  journal = newJournal(path, kv)
  journal:look()
  equal((journal:summary('image')), 2)
  append(line('main.cpp:1] Orthanc version: 1.13.0', 'MAIN', 'W', '1129 18:00:00.000000') .. '\n' .. MISSING .. '\n', 'w')
  journal:look()
  equal((journal:summary('image')), 3)
  os.remove(path)
  journal:look()
  equal(journal.readable, false)
end)
case('an image that came again', function()
  local journal = newJournal()
  journal:replaced({ Uid = '1.2', Aet = 'CT', Address = '10.0.0.1' })
  local count, rows = journal:summary('replaced')
  equal({ count, rows[1].Uid, rows[1].Last:match('^2026%-11%-29T') ~= nil }, { 1, '1.2', true })
end)

check.run()
