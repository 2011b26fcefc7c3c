-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The callbacks: how the forwarder starts, in an Orthanc of which only the answers that a start needs are modelled.

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local case, equal = check.case, check.equal

local world

-- Orthanc's own functions. Text of JSON is a name for a table here.
local function json(value)
  world.json[#world.json + 1] = value
  return tostring(#world.json)
end

function ParseJson(text) return world.json[tonumber((text:gsub('^%[', '')))] end
function DumpJson(value) return json(value) end
function GetOrthancConfiguration() return world.configuration end
-- While the database fails, Orthanc logs it and answers nothing.
function GetKeyValue(_, key) return not world.sick and world.kv[key] or nil end
function StoreKeyValue(_, key, value) if not world.sick then world.kv[key] = value end end
function DeleteKeyValue(_, key) world.kv[key] = nil end
function RestApiGet(uri)
  if world.sick then return nil end
  if uri == '/changes?last' then return json({ Last = 500 }) end
  if uri:match('^/changes') then return json({ Changes = {} }) end
  return json({})
end
-- Answers of lists begin as a list does in JSON, by which the forwarder knows them.
local function bulkContent(body)
  local list = {}
  for _, id in ipairs(world.json[tonumber(body)].Resources) do list[#list + 1] = world.images[id] end
  return '[' .. json(list)
end

function RestApiPost(uri, body)
  if world.sick then return nil end
  if uri == '/tools/bulk-content' then return bulkContent(body) end
  if uri ~= '/tools/find' then return '' end
  local list = {}
  for id in pairs(world.labels) do list[#list + 1] = id end
  return json(list)
end
function RestApiPut() return '' end
function RestApiDelete(uri)
  local id = uri:match('^/instances/(%w+)/labels/')
  if id then world.labels[id] = nil end
  return ''
end

-- An Orthanc that has just started, with these destinations, and what an earlier one left.
local function startOrthanc(peers, left)
  local destinations = {}
  for index, peer in ipairs(peers) do destinations[index] = { Peer = peer } end
  world = { images = {}, json = {}, kv = left and left.kv or {}, labels = left and left.labels or {}, lines = {},
    configuration = { ConcurrentJobs = 1000, SaveJobs = false, MediverseForwarder = { Destinations = destinations } } }
  print = function(text) world.lines[#world.lines + 1] = text end
  dofile(arg[1] .. '/main.lua')
  return world
end

local say = print
local function quiet(body)
  return function()
    local ok, reason = pcall(body)
    print = say
    if not ok then error(reason, 0) end
  end
end

local function said(text)
  for _, line in ipairs(world.lines) do if line:find(text, 1, true) then return true end end
  return false
end

case('a destination that is served again continues where it was', quiet(function()
  startOrthanc({ 'cloud' }, { kv = { ['cursor/cloud'] = '120 i120', destinations = 'cloud' } })
  Initialize()
  equal(said('cloud: ready, cursor 120 of 500'), true)
end))
case('a destination that was taken off the list is forgotten, so that it gets everything when it comes back', quiet(function()
  local left = { labels = { i7 = true, i8 = true }, kv = { ['cursor/cloud'] = '500 i500', ['cursor/archive'] = '300 i300',
    ['parked/archive/i7'] = 'why', ['parked/archive/i8'] = 'why', ['parked/cloud/i8'] = 'why', destinations = 'cloud archive' } }
  startOrthanc({ 'cloud' }, left)
  Initialize()
  equal({ world.kv['cursor/archive'], world.kv['parked/archive/i7'], world.labels }, { nil, nil, { i8 = true } })
  equal({ world.kv['cursor/cloud'], world.kv['parked/cloud/i8'] }, { '500 i500', 'why' })
  startOrthanc({ 'cloud', 'archive' }, world)
  Initialize()
  equal({ said('archive: ready, cursor 0 of 500'), said('cloud: ready, cursor 500 of 500') }, { true, true })
end))
case('a database that does not answer at the start is asked again', quiet(function()
  startOrthanc({ 'cloud' }, { kv = { ['cursor/cloud'] = '120 i120', ['cursor/old'] = '120 i120', destinations = 'cloud old' } })
  world.sick = true
  Initialize()
  for _ = 1, 35 do OnHeartBeat() end
  equal(said('ready'), false)
  world.sick = false
  for _ = 1, 10 do OnHeartBeat() end
  equal({ said('cloud: ready, cursor 120 of 500'), said('cloud: ready, cursor 0'), world.kv['cursor/old'] }, { true, false, nil })
end))
case('settings that are wrong stay wrong: said once', quiet(function()
  startOrthanc({ '' })
  Initialize()
  for _ = 1, 50 do OnHeartBeat() end
  equal({ #world.lines, said('nothing is forwarded') }, { 1, true })
end))
case('an image that is deleted and still there was replaced', quiet(function()
  startOrthanc({ 'cloud' })
  world.images.i7 = { ID = 'i7', MainDicomTags = { SOPInstanceUID = '1.2.7' }, Metadata = { RemoteAET = 'CT', RemoteIP = '10.0.0.7' } }
  OnDeletedInstance('i7')
  equal(#world.lines, 0)   -- nothing is known yet of a forwarder that has not started
  Initialize()
  OnDeletedInstance('i8')
  equal(said('came again'), false)
  OnDeletedInstance('i7')
  equal(said('image i7 (SOP Instance UID 1.2.7) came again from CT at 10.0.0.7'), true)
end))

check.run()
