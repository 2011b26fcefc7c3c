-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Settings of the forwarder: the section "MediverseForwarder" of orthanc.json, checked and completed. Pure.
--
-- Orthanc runs every file of "LuaScripts" in the given order and in one global environment, so the files of the forwarder
-- meet in one table. Orthanc does this twice, in two separate Lua contexts (events and incoming filters); loading a file
-- therefore has no effect but filling the table.

MediverseForwarder = MediverseForwarder or {}

local settings = {}

-- What one destination may set: the type, the default, and the bounds of numbers.
local DESTINATION = {
  Peer            = { type = 'string' },                                  -- name in Orthanc's peers; the only required one
  Jobs            = { type = 'integer', default = 8, min = 1, max = 64 }, -- peer jobs in flight
  Batch           = { type = 'integer', default = 20, min = 1, max = 500 }, -- images in one job, at most
  SmallestBatch   = { type = 'integer', default = 4, min = 1, max = 500 }, -- a short backlog is not cut finer than this
  Window          = { type = 'integer', default = 64, min = 2, max = 10000 }, -- unfinished chunks held in memory
  Compress        = { type = 'boolean', default = false },                -- gzip on the way; the stored bytes stay the same
  Transcode       = { type = 'string', default = '' },                    -- transfer syntax UID; '' leaves images as they are
  LongestPause    = { type = 'integer', default = 60, min = 1, max = 3600 }, -- seconds between attempts, at most
  ParkAfter       = { type = 'integer', default = 6, min = 1, max = 100 }, -- failures of one image while others pass
  RetryParked     = { type = 'integer', default = 3600, min = 1, max = 604800 }, -- seconds between attempts at parked ones
  AskSilentJobs   = { type = 'integer', default = 900, min = 5, max = 86400 }, -- seconds until a job without news is looked up
  SkipHttpUsers   = { type = 'list', default = {} },                      -- images that these users of our REST API uploaded
  SkipRemoteAets  = { type = 'list', default = {} },                      -- images that these AE titles sent
  SkipOrigins     = { type = 'list', default = { 'Lua' } },               -- DicomProtocol, RestApi, Plugins, Lua
}

local MOST_DAYS = 36500

local function problem(where, text)
  return 'MediverseForwarder.' .. where .. ' ' .. text
end

local CHECKS = {
  string = function(value) return type(value) == 'string', 'must be a string' end,
  boolean = function(value) return type(value) == 'boolean', 'must be true or false' end,
  list = function(value)
    if type(value) ~= 'table' then return false, 'must be a list of strings' end
    for key, item in pairs(value) do
      if type(key) ~= 'number' or type(item) ~= 'string' then return false, 'must be a list of strings' end
    end
    return true
  end,
  integer = function(value, field)
    local expected = string.format('must be a whole number from %d to %d', field.min, field.max)
    local whole = type(value) == 'number' and value == math.floor(value)
    return whole and value >= field.min and value <= field.max, expected
  end,
}

local function checkDestination(given, where, problems)
  local result = {}
  if type(given) ~= 'table' then
    problems[#problems + 1] = problem(where, 'must be an object')
    return result
  end
  for name in pairs(given) do
    if not DESTINATION[name] then problems[#problems + 1] = problem(where, 'has the unknown setting ' .. tostring(name)) end
  end
  for name, field in pairs(DESTINATION) do
    local value = given[name]
    if value == nil then
      result[name] = field.default
    else
      local ok, expected = CHECKS[field.type](value, field)
      if ok then result[name] = value else problems[#problems + 1] = problem(where .. '.' .. name, expected) end
    end
  end
  if result.Peer == nil or result.Peer == '' then problems[#problems + 1] = problem(where .. '.Peer', 'must name a peer of Orthanc') end
  return result
end

-- section: the table as written in orthanc.json.
-- Returns {Destinations = {...}, StateDirectory = string, KeepDays = number} and a list of problems, one sentence each; empty when all is well.
function settings.check(section)
  local problems, result = {}, { Destinations = {}, StateDirectory = '', KeepDays = 0 }
  if type(section) ~= 'table' then
    return result, { 'the section MediverseForwarder is missing from the configuration of Orthanc' }
  end
  for name in pairs(section) do
    if name ~= 'Destinations' and name ~= 'StateDirectory' and name ~= 'KeepDays' then
      problems[#problems + 1] = problem(tostring(name), 'is an unknown setting')
    end
  end
  if section.StateDirectory ~= nil then
    if type(section.StateDirectory) == 'string' then result.StateDirectory = section.StateDirectory
    else problems[#problems + 1] = problem('StateDirectory', 'must be a string') end
  end
  if section.KeepDays ~= nil then   -- 0: images stay on the gateway
    local ok, expected = CHECKS.integer(section.KeepDays, { min = 0, max = MOST_DAYS })
    if ok then result.KeepDays = section.KeepDays else problems[#problems + 1] = problem('KeepDays', expected) end
  end
  local list = section.Destinations
  if type(list) ~= 'table' or #list == 0 then
    problems[#problems + 1] = problem('Destinations', 'must be a list of one destination or more')
    return result, problems
  end
  local seen = {}
  for index, given in ipairs(list) do
    local where = string.format('Destinations[%d]', index - 1)
    local destination = checkDestination(given, where, problems)
    if destination.Peer and seen[destination.Peer] then
      problems[#problems + 1] = problem(where .. '.Peer', 'names ' .. destination.Peer .. ' for the second time')
    end
    seen[destination.Peer or ''] = true
    result.Destinations[index] = destination
  end
  return result, problems
end

-- configuration: the whole configuration of Orthanc. Returns warnings, one sentence each, about options that would
-- slow the forwarder down or break its promise.
function settings.warnings(configuration, destinations)
  local warnings, jobs = {}, 0
  for _, destination in ipairs(destinations) do jobs = jobs + destination.Jobs end
  if (configuration.ConcurrentJobs or 2) < jobs + 2 then
    warnings[#warnings + 1] = string.format('ConcurrentJobs should be %d or more: %d for the forwarder and 2 for people', jobs + 2, jobs)
  end
  if configuration.SaveJobs ~= false then
    warnings[#warnings + 1] = 'SaveJobs should be false: saved jobs keep the password of the peer in clear in the database'
  end
  local limited = (configuration.MaximumStorageSize or 0) > 0 or (configuration.MaximumPatientCount or 0) > 0
  if limited and configuration.MaximumStorageMode ~= 'Reject' then
    warnings[#warnings + 1] = 'MaximumStorageMode must be "Reject": recycling deletes images that are not delivered yet'
  end
  return warnings
end

MediverseForwarder.settings = settings
