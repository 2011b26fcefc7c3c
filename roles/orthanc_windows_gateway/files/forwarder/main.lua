-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The callbacks by which Orthanc drives the forwarder. Last file of the list in "LuaScripts".
--
-- Every callback catches its errors: Orthanc runs the heartbeat in a thread of its own, where an uncaught one would end the process.

local engines, retention, period = {}, nil, 1

local function log(text) print('forwarder: ' .. text) end

local function guarded(action)
  return function(...)
    local ok, reason = pcall(action, ...)
    if not ok then log('ERROR ' .. tostring(reason)) end
  end
end

local function start()
  local forwarder, configuration = MediverseForwarder, GetOrthancConfiguration()
  local settings, problems = forwarder.settings.check(configuration.MediverseForwarder)
  if #problems > 0 then
    for _, text in ipairs(problems) do log('ERROR nothing is forwarded: ' .. text) end
    return
  end
  for _, text in ipairs(forwarder.settings.warnings(configuration, settings.Destinations)) do log('WARNING ' .. text) end
  period = configuration.LuaHeartBeatPeriod or 1
  math.randomseed(os.time())
  local memory, place = forwarder.memory(settings.StateDirectory)
  forwarder.orthanc.cancelOldSends()
  local peers = {}
  for index, destination in ipairs(settings.Destinations) do peers[index] = destination.Peer end
  for index, destination in ipairs(settings.Destinations) do
    local world = {
      orthanc = forwarder.orthanc, memory = memory, log = function(text) log(destination.Peer .. ': ' .. text) end,
      parking = forwarder.Parking.new(destination.Peer, peers, memory, forwarder.orthanc),
      random = math.random, now = function() return os.date('!%Y-%m-%dT%H:%M:%SZ') end,
    }
    engines[index] = forwarder.Engine.new(destination, world)
    log(string.format('%s: ready, cursor %d of %d, kept %s', destination.Peer, engines[index].window.cursor,
      forwarder.orthanc.lastChange(), place))
  end
  if settings.KeepDays > 0 then
    retention = forwarder.Retention.new(settings.KeepDays, engines, { orthanc = forwarder.orthanc, log = log, wall = os.time })
    log(string.format('images leave the gateway when they are confirmed and older than %d days', settings.KeepDays))
  end
end

local function jobEnded(job, success)
  for _, engine in ipairs(engines) do
    if engine:finished(job, success) then return end
  end
end

Initialize = guarded(start)
OnHeartBeat = guarded(function()
  for _, engine in ipairs(engines) do engine:tick(period) end
  if retention then retention:tick(period) end
end)
OnJobSuccess = guarded(function(job) jobEnded(job, true) end)
OnJobFailure = guarded(function(job) jobEnded(job, false) end)
