-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The callbacks by which Orthanc drives the forwarder. Last file of the list in "LuaScripts".
--
-- Every callback catches its errors: Orthanc runs the heartbeat in a thread of its own, where an uncaught one would end the process.

local engines, refused, retention, pulse, hours, journal = {}, false, nil, nil, nil, nil
local beats = 0
local START_EVERY = 10   -- heartbeats between attempts to start, when the database did not answer
local READ_EVERY, ASK_EVERY = 5, 30   -- seconds between looks into Orthanc's log, and for parked images that somebody wants tried again
local sinceRead, sinceAsked = 0, 0

local function log(text) print('forwarder: ' .. text) end

local function guarded(action)
  return function(...)
    local ok, reason = pcall(action, ...)
    if not ok then log('ERROR ' .. tostring(reason)) end
  end
end

-- What an earlier run kept for destinations that are not served any more. A peer that comes back gets every image.
local function forgetOthers(memory, peers)
  local forwarder, served = MediverseForwarder, {}
  for _, peer in ipairs(peers) do served[peer] = true end
  for peer in (memory.read('destinations') or ''):gmatch('%S+') do
    if not served[peer] then
      local parking = forwarder.Parking.new(peer, { peer, table.unpack(peers) }, memory, forwarder.orthanc)
      parking:releaseAll()
      memory.forget('cursor/' .. peer)
      log(peer .. ' is no destination any more; its cursor is forgotten')
    end
  end
  memory.write('destinations', table.concat(peers, ' '))
end

local function start()
  local forwarder, configuration = MediverseForwarder, GetOrthancConfiguration()
  engines, refused = {}, false
  local settings, problems = forwarder.settings.check(configuration.MediverseForwarder)
  if #problems > 0 then
    for _, text in ipairs(problems) do log('ERROR nothing is forwarded: ' .. text) end
    refused = true
    return
  end
  for _, text in ipairs(forwarder.settings.warnings(configuration, settings.Destinations)) do log('WARNING ' .. text) end
  math.randomseed(os.time())
  local memory, place = forwarder.memory(settings.StateDirectory)
  -- Without an answer nothing would be known of earlier runs, and all of it be taken for new.
  if not forwarder.orthanc.answers() then error('the database of Orthanc does not answer') end
  forwarder.orthanc.cancelOldSends()
  hours = forwarder.Hours.new(settings.OfficeHours)
  hours:tick(0, os.date('*t'))   -- a request may come in before the first heartbeat
  local peers = {}
  for index, destination in ipairs(settings.Destinations) do peers[index] = destination.Peer end
  forgetOthers(memory, peers)
  journal = forwarder.Journal.new(settings.LogFile, {
    memory = memory, wall = os.time, parse = ParseJson, json = function(value) return DumpJson(value, true) end,
  })
  -- Which scanner an association is from, a few lines for each. Patients' names would come with the next level only.
  if settings.LogFile ~= '' then forwarder.orthanc.put('/tools/log-level-dicom', 'verbose') end
  for index, destination in ipairs(settings.Destinations) do
    local world = {
      orthanc = forwarder.orthanc, memory = memory, hours = hours, journal = journal, log = function(text) log(destination.Peer .. ': ' .. text) end,
      parking = forwarder.Parking.new(destination.Peer, peers, memory, forwarder.orthanc),
      random = math.random, now = function() return os.date('!%Y-%m-%dT%H:%M:%SZ') end,
    }
    engines[index] = forwarder.Engine.new(destination, world)
    log(string.format('%s: ready, cursor %d of %d, kept %s', destination.Peer, engines[index].window.cursor,
      forwarder.orthanc.lastChange(), place))
  end
  pulse = forwarder.Pulse.new(configuration.LuaHeartBeatPeriod or 1, os.time())
  if settings.KeepDays > 0 then
    retention = forwarder.Retention.new(settings.KeepDays, engines, { orthanc = forwarder.orthanc, log = log, wall = os.time })
    log(string.format('images leave the gateway when they are confirmed and older than %d days', settings.KeepDays))
  end
end

-- Images that an operator gave the label for another attempt.
local function tryAgain()
  local parked = 0
  for _, engine in ipairs(engines) do parked = parked + engine.parking.count end
  for _, id in ipairs(parked > 0 and MediverseForwarder.orthanc.labelled(MediverseForwarder.AGAIN) or {}) do
    for _, engine in ipairs(engines) do engine.parking:again(id) end
    MediverseForwarder.orthanc.unlabel(id, MediverseForwarder.AGAIN)
    log('image ' .. id .. ' is tried again, as somebody asked for')
  end
end

local function turn(wall, standIn)
  local seconds = pulse:passed(wall)
  sinceRead, sinceAsked = sinceRead + seconds, sinceAsked + seconds
  if sinceRead >= READ_EVERY then
    sinceRead = 0
    journal:look()
    journal:keep()
  end
  if sinceAsked >= ASK_EVERY then
    sinceAsked = 0
    tryAgain()
  end
  hours:tick(seconds, os.date('*t', wall))
  for _, engine in ipairs(engines) do engine:tick(seconds, standIn) end
  return seconds
end

local function standIn()
  local wall = os.time()
  if pulse and pulse:isMissing(wall) then turn(wall, true) end
end

local function jobEnded(job, success)
  for _, engine in ipairs(engines) do
    if engine:finished(job, success) then break end
  end
  standIn()
end

Initialize = guarded(start)
OnHeartBeat = guarded(function()
  if not pulse then
    beats = beats + 1
    if not refused and beats % START_EVERY == 0 then start() end
    return
  end
  local wall = os.time()
  pulse:heard(wall)
  local seconds = turn(wall)
  if retention then retention:tick(seconds) end
end)
-- No callback here is one to which Orthanc hands the elements of an image, as OnStoredInstance and the filters of images are: it lays
-- them on Lua's stack without asking whether there is room, and sequences in sequences, eight deep or more, destroy its memory
-- (decision 0037). It calls only what is defined.

-- An image that replaced another one of the same UID is announced as the deletion of the other one, by the same name.
OnDeletedInstance = guarded(function(id)
  local entry = journal and MediverseForwarder.orthanc.arrival(id)
  if not entry then return end
  log(string.format('image %s (SOP Instance UID %s) came again from %s at %s with other content, which replaced the first', id, entry.Uid, entry.Aet, entry.Address))
  journal:replaced(entry)
  journal:keep()
end)
OnJobSuccess = guarded(function(job) jobEnded(job, true) end)
OnJobFailure = guarded(function(job) jobEnded(job, false) end)

-- Every request to the REST API passes here, after its login was found right. All are let through, as without this function, and
-- any of them wakes a forwarder whose heartbeat is missing. (The filter of worklist queries would do as well, but
-- what goes through it is rewritten by Orthanc, and worklists are no place for that.)
local onRequest = guarded(standIn)

function IncomingHttpRequestFilter()
  onRequest()
  return true
end
