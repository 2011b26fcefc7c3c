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
  Peer            = { type = 'string', missing = 'must name a peer of Orthanc' },   -- the only required one
  Jobs            = { type = 'integer', default = 48, min = 1, max = 64 }, -- peer jobs in flight
  InFlightMegabytes = { type = 'integer', default = 256, min = 1, max = 65536 }, -- largest images of the jobs in flight: no more jobs then
  Batch           = { type = 'integer', default = 20, min = 1, max = 500 }, -- images in one job, at most
  SmallestBatch   = { type = 'integer', default = 2, min = 1, max = 500 }, -- a short backlog is not cut finer than this
  Window          = { type = 'integer', default = 64, min = 2, max = 10000 }, -- unfinished chunks held in memory
  Compress        = { type = 'boolean', default = false },                -- gzip on the way; the stored bytes stay the same
  Transcode       = { type = 'string', default = '' },                    -- transfer syntax UID; '' leaves images as they are
  LongestPause    = { type = 'integer', default = 60, min = 1, max = 3600 }, -- seconds between attempts, at most
  ParkAfter       = { type = 'integer', default = 6, min = 1, max = 100 }, -- failures of one image while others pass
  LargestMegabytes = { type = 'integer', default = 0, min = 0, max = 65536 }, -- of an image that the cloud takes; 0: nobody knows
  RetryParked     = { type = 'integer', default = 3600, min = 1, max = 604800 }, -- seconds between attempts at parked ones
  JobPatience     = { type = 'integer', default = 120, min = 15, max = 86400 }, -- seconds for an image that weighs nothing
  SkipHttpUsers   = { type = 'list', default = {} },                      -- images that these users of our REST API uploaded
  SkipRemoteAets  = { type = 'list', default = {} },                      -- images that these AE titles sent
  SkipOrigins     = { type = 'list', default = { 'Lua' } },               -- DicomProtocol, RestApi, Plugins, Lua
}

-- Hours in which the forwarder leaves room on the line; see hours.lua.
local OFFICE_HOURS = {
  From = { type = 'time', missing = 'is missing' },
  To   = { type = 'time', missing = 'is missing' },
  Mbit = { type = 'number', min = 0.1, max = 10000, missing = 'is missing' },   -- megabits a second
  Days = { type = 'days', default = {} },                                    -- none: every day
}

local SECTION = { Destinations = true, StateDirectory = true, LogFile = true, KeepDays = true, OfficeHours = true }
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
  time = function(value) return MediverseForwarder.Hours.minutes(value) ~= nil, 'must be a time of day such as "07:00"' end,
  days = function(value)
    local expected = 'must be a list of days out of mon, tue, wed, thu, fri, sat, sun'
    if type(value) ~= 'table' then return false, expected end
    for _, item in pairs(value) do if not MediverseForwarder.Hours.isDay(item) then return false, expected end end
    return true
  end,
  number = function(value, field)
    return type(value) == 'number' and value >= field.min and value <= field.max, string.format('must be a number from %g to %g', field.min, field.max)
  end,
  integer = function(value, field)
    local expected = string.format('must be a whole number from %d to %d', field.min, field.max)
    local whole = type(value) == 'number' and value == math.floor(value)
    return whole and value >= field.min and value <= field.max, expected
  end,
}

-- The given table, checked against the fields and completed with their defaults. Without a default a field is required.
local function checkTable(given, fields, where, problems)
  local result = {}
  if type(given) ~= 'table' then
    problems[#problems + 1] = problem(where, 'must be an object')
    return result
  end
  for name in pairs(given) do
    if not fields[name] then problems[#problems + 1] = problem(where, 'has the unknown setting ' .. tostring(name)) end
  end
  for name, field in pairs(fields) do
    local value = given[name]
    local ok, expected = true, nil
    if value == nil then value = field.default else ok, expected = CHECKS[field.type](value, field) end
    if value == nil or value == '' and field.default == nil then ok, expected = false, field.missing end
    if ok then result[name] = value else problems[#problems + 1] = problem(where .. '.' .. name, expected) end
  end
  return result
end

-- section: the table as written in orthanc.json.
-- Returns {Destinations = {...}, StateDirectory = string, LogFile = string, KeepDays = number, OfficeHours = table or nil} and a list of problems, one
-- sentence each; empty when all is well.
function settings.check(section)
  local problems, result = {}, { Destinations = {}, StateDirectory = '', LogFile = '', KeepDays = 0 }
  if type(section) ~= 'table' then
    return result, { 'the section MediverseForwarder is missing from the configuration of Orthanc' }
  end
  for name in pairs(section) do
    if not SECTION[name] then
      problems[#problems + 1] = problem(tostring(name), 'is an unknown setting')
    end
  end
  for _, name in ipairs({ 'StateDirectory', 'LogFile' }) do   -- LogFile: where Orthanc's own log can be read; see journal.lua
    if section[name] ~= nil then
      if type(section[name]) == 'string' then result[name] = section[name] else problems[#problems + 1] = problem(name, 'must be a string') end
    end
  end
  if section.KeepDays ~= nil then   -- 0: images stay on the gateway
    local ok, expected = CHECKS.integer(section.KeepDays, { min = 0, max = MOST_DAYS })
    if ok then result.KeepDays = section.KeepDays else problems[#problems + 1] = problem('KeepDays', expected) end
  end
  if section.OfficeHours ~= nil then result.OfficeHours = checkTable(section.OfficeHours, OFFICE_HOURS, 'OfficeHours', problems) end
  local list = section.Destinations
  if type(list) ~= 'table' or #list == 0 then
    problems[#problems + 1] = problem('Destinations', 'must be a list of one destination or more')
    return result, problems
  end
  local seen = {}
  for index, given in ipairs(list) do
    local where = string.format('Destinations[%d]', index - 1)
    local destination = checkTable(given, DESTINATION, where, problems)
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
  for _, destination in ipairs(destinations) do jobs = jobs + 2 * destination.Jobs end
  if (configuration.ConcurrentJobs or 2) < jobs + 2 then
    warnings[#warnings + 1] = string.format('ConcurrentJobs should be %d or more: %d for the forwarder, half of them in reserve for jobs '
      .. 'that were given up, and 2 for people', jobs + 2, jobs)
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
