-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The journal: what Orthanc refuses, and why a job failed, read from Orthanc's own log, because it says so nowhere else. An image without
-- the UIDs that it needs is refused before any callback runs, and a job keeps only "error in the network protocol".
--
-- Orthanc names its log by time and process. Under Linux it keeps a link beside it; on Windows the task of the PC does. How far the log was
-- read is kept together with what was found, so nothing is counted twice. Patients' names and IDs are not taken over.

MediverseForwarder = MediverseForwarder or {}

local Journal = {}
Journal.__index = Journal

local KEY = 'journal'
local MOST_ROWS = 20       -- different refusals that are kept
local MOST_JOBS = 200      -- failed jobs whose status is remembered
local STEP = 1048576       -- bytes read in one look
local DAYS = 7             -- refusals are kept so long
local OUT_OF_RESOURCES = 'A700'

-- path: of the log; '' when nobody knows. world: {memory, wall() -> seconds, json(value) -> text, parse(text) -> value}.
function Journal.new(path, world)
  local self = setmetatable({ path = path, world = world, jobs = {}, jobOrder = {}, open = {}, details = {}, callers = {}, readable = false }, Journal)
  local kept = world.memory.read(KEY)
  local ok, state = pcall(world.parse, kept or '')
  self.state = ok and type(state) == 'table' and state.Rows and state or { File = '', Position = 0, Rows = {}, Days = {} }
  -- Orthanc writes every value of a table as text.
  self.state.Position = tonumber(self.state.Position)
  for _, row in ipairs(self.state.Rows) do row.Times = tonumber(row.Times) end
  for _, counts in pairs(self.state.Days) do
    for kind, count in pairs(counts) do counts[kind] = tonumber(count) end
  end
  return self
end

local function dayOf(wall) return os.date('%Y-%m-%d', wall) end

-- The log has the PC's time without a year: that of now, or the one before for a line of December read in January. Returns the day in
-- that time, and the moment in UTC.
function Journal:momentOf(month, day, hour, minute, second)
  local now = os.date('*t', self.world.wall())
  local year = tonumber(month) > now.month and now.year - 1 or now.year
  local moment = os.time({ year = year, month = tonumber(month), day = tonumber(day), hour = tonumber(hour), min = tonumber(minute), sec = tonumber(second) })
  return dayOf(moment), os.date('!%Y-%m-%dT%H:%M:%SZ', moment)
end

-- One more of a kind: those that differ in time only are one row with a number.
function Journal:note(entry)
  local state = self.state
  state.Days[entry.Day] = state.Days[entry.Day] or {}
  local counts = state.Days[entry.Day]
  counts[entry.Kind] = (counts[entry.Kind] or 0) + 1
  self.changed = true
  for index, row in ipairs(state.Rows) do
    if row.Kind == entry.Kind and row.Uid == entry.Uid and row.Aet == entry.Aet and row.Address == entry.Address and row.Reason == entry.Reason then
      row.Last, row.Times, row.Day = entry.Last, row.Times + 1, entry.Day
      table.insert(state.Rows, table.remove(state.Rows, index))
      return row
    end
  end
  entry.Times = 1
  state.Rows[#state.Rows + 1] = entry
  while #state.Rows > MOST_ROWS do table.remove(state.Rows, 1) end
  return entry
end

function Journal:forgetOld()
  local oldest = dayOf(self.world.wall() - (DAYS - 1) * 86400)
  for day in pairs(self.state.Days) do if day < oldest then self.state.Days[day] = nil end end
  while self.state.Rows[1] and self.state.Rows[1].Day < oldest do table.remove(self.state.Rows, 1) end
end

-- Orthanc serves the steps of an association by any of its threads, so a refusal is of the scanner that has one open. When several have, all
-- of them are named.
function Journal:refused(line, uid, reason)
  local callers = {}
  for caller in pairs(self.open) do callers[#callers + 1] = caller end
  table.sort(callers)
  local entry = { Kind = 'image', Day = line.day, Last = line.moment, Uid = uid, Status = OUT_OF_RESOURCES, Reason = reason, Aet = '', Address = '' }
  if #callers == 1 then
    entry.Aet, entry.Address = callers[1]:match('^(.*) at (%S+)$')
  elseif #callers > 1 then
    entry.Reason = reason .. '; sent by ' .. table.concat(callers, ' or ')
  end
  self:note(entry)
end

local READERS = {}

READERS['StoreScp.cpp'] = function(self, line)
  if line.level ~= 'E' then return end
  local missing = line.text:match('required tags %((.-)%) are missing')
  if missing then return self:refused(line, line.text:match('SOPInstanceUID=([%d.]+)') or '', missing .. ' is missing') end
  local reason = line.text:match('^Exception while storing DICOM: (.*)$')
  if reason then self:refused(line, '', self.details[line.thread] or reason) end
  self.details[line.thread] = nil
end

READERS['OrthancException.cpp'] = function(self, line) self.details[line.thread] = line.text end

READERS['CommandDispatcher.cpp'] = function(self, line)
  local aet, address = line.text:match('^Association Received from AET (.-) on IP (%S+)')
  if aet then
    self.callers[line.thread] = { aet, address }
    return
  end
  aet, address = line.text:match('^Association Acknowledged .- to AET (.-) on IP (%S+)')
  if aet then
    local caller = aet .. ' at ' .. address
    self.open[caller] = (self.open[caller] or 0) + 1
    return
  end
  local entry = { Kind = 'association', Day = line.day, Last = line.moment, Uid = '', Status = '' }
  aet, address = line.text:match('^Rejected association for remote AET (.-) on IP (%S+)')
  if aet then
    entry.Aet, entry.Address, entry.Reason = aet, address, 'the gateway does not know this AE title at this address'
    return self:note(entry)
  end
  local called = line.text:match('^Rejected association, because of a bad called AET in the request %((.-)%)')
  if called then
    local caller = self.callers[line.thread] or { '', '' }
    entry.Aet, entry.Address, entry.Reason = caller[1], caller[2], 'it called ' .. called
    return self:note(entry)
  end
  local request
  request, aet, address = line.text:match('^Rejected (.-) request from remote DICOM modality with AET "(.-)" and hostname "(.-)"')
  if request then
    entry.Aet, entry.Address, entry.Reason = aet, address, 'it may not ask for ' .. request
    return self:note(entry)
  end
  aet, address = line.text:match('^Association Received from an invalid AET %(sanitized: (.-)%) on IP ([^%s,]+)')
  if aet then
    -- A program of this PC that only looks whether the port is open, as the role does, names nobody and is no caller.
    if aet == '' and address == '127.0.0.1' then return end
    entry.Aet, entry.Address, entry.Reason = aet, address, 'its AE title has characters that DICOM does not allow'
    return self:note(entry)
  end
  aet, address = line.text:match('^Association %a+ with AET (.-) on IP (%S+)')   -- Release or Aborted
  if not aet then aet, address = line.text:match('aborting association with AET (.-) on IP ([^%s)]+)') end
  if aet then
    local caller = aet .. ' at ' .. address
    self.open[caller] = (self.open[caller] or 0) > 1 and self.open[caller] - 1 or nil
  end
end

READERS['HttpClient.cpp'] = function(self, line)
  local job = line.context:match('job (%S+)')
  local status, name = line.text:match('received HTTP status (%d+) %((.-)%)')
  if not job or not status then return end
  self.jobs[job] = { tonumber(status), name }
  self.jobOrder[#self.jobOrder + 1] = job
  if #self.jobOrder > MOST_JOBS then self.jobs[table.remove(self.jobOrder, 1)] = nil end
end

-- Takes one line, such as
-- E1129 16:22:45.346932          DICOM-1 StoreScp.cpp:199] Exception while storing DICOM: Bad file format
function Journal:take(text)
  local level, month, day, hour, minute, second, thread, source, rest =
    text:match('^(%u)(%d%d)(%d%d) (%d%d):(%d%d):(%d%d)%.%d+%s+(%S+) (%S-):%d+%] (.*)$')
  local reader = source and READERS[source]
  if not reader then return end
  rest = rest:gsub('^%(%w+%) ', '')
  local context, message = rest:match('^|(.-)| (.*)$')
  local date, moment = self:momentOf(month, day, hour, minute, second)
  reader(self, { level = level, day = date, moment = moment, thread = thread, context = context or '', text = message or rest })
end

-- Reads what is new in the log.
function Journal:look()
  local file = self.path ~= '' and io.open(self.path, 'rb')
  self.readable = file and true or false
  if not file then return end
  local first = file:read('l') or ''
  if first ~= self.state.File then
    self.state.File, self.state.Position = first, 0
    self.open, self.details, self.callers = {}, {}, {}
  end
  file:seek('set', self.state.Position)
  local text = file:read(STEP) or ''
  file:close()
  local whole = text:match('^.*\n')   -- the last line may be half there
  if not whole then return end
  for line in whole:gmatch('[^\r\n]+') do self:take(line) end
  self.state.Position = self.state.Position + #whole
end

-- Writes what was found, together with how far the log was read.
function Journal:keep()
  if not self.changed then return end
  self.changed = false
  self:forgetOld()
  self.world.memory.write(KEY, self.world.json(self.state))
end

-- The status that the other side gave to a job, and its name; nil when the log does not say.
function Journal:httpStatus(job)
  if not self.jobs[job] then self:look() end
  local found = self.jobs[job]
  if found then return found[1], found[2] end
end

-- An image came again with other content. entry: {Uid, Aet, Address}. Kept at once: the log does not tell it again.
function Journal:replaced(entry)
  local wall = self.world.wall()
  entry.Kind, entry.Day, entry.Last, entry.Status = 'replaced', dayOf(wall), os.date('!%Y-%m-%dT%H:%M:%SZ', wall), ''
  entry.Reason = 'it came again with other content, which is kept in place of the first'
  self:note(entry)
end

-- What of a kind happened today, and the rows of the last days, newest first.
function Journal:summary(kind)
  local rows, today = {}, self.state.Days[dayOf(self.world.wall())] or {}
  for index = #self.state.Rows, 1, -1 do
    local row = self.state.Rows[index]
    if row.Kind == kind then rows[#rows + 1] = row end
  end
  return today[kind] or 0, rows
end

MediverseForwarder.Journal = Journal
