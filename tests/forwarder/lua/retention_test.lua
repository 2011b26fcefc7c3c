-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Local retention: what may leave the gateway, and above all what may not.

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local case, equal = check.case, check.equal
local F = MediverseForwarder

local DAY = 86400
local START = 1795392000   -- 2026-11-23 00:00:00 UTC

local function dateOf(seconds) return os.date('!%Y%m%dT%H%M%S', seconds) end

-- count images, one a day, the newest from today; one engine with its cursor at the end.
local function newWorld(count, days, cursors)
  local world = { rows = {}, now = START + count * DAY, parked = {}, unwanted = {}, log = {}, inFlight = 0, widest = 0 }
  for seq = 1, count do world.rows[seq] = { Seq = seq, ID = 'i' .. seq, Date = dateOf(START + seq * DAY) } end
  local orthanc = {}
  function orthanc.newImages(since, limit)
    local result = {}
    for _, row in ipairs(world.rows) do
      if row.Seq > since and #result < limit then result[#result + 1] = row end
    end
    world.widest = math.max(world.widest, #result)
    return result
  end
  function orthanc.changeAt(seq)
    for _, row in ipairs(world.rows) do if row.Seq >= seq then return row end end
  end
  function orthanc.remove(id)
    for index, row in ipairs(world.rows) do if row.ID == id then table.remove(world.rows, index) return true end end
    return false
  end
  world.engines = {}
  for index, cursor in ipairs(cursors or { count }) do
    world.engines[index] = {
      window = { cursor = cursor }, inFlight = 0,
      parking = { holds = function(_, id) return world.parked[id] ~= nil end },
      isWanted = function(_, row) return not world.unwanted[row.ID] end,
    }
  end
  world.retention = F.Retention.new(days, world.engines, {
    orthanc = orthanc, wall = function() return world.now end, log = function(text) world.log[#world.log + 1] = text end,
  })
  function world.beat(times)
    for _ = 1, times do
      world.now = world.now + 1
      world.retention:tick(1)
    end
  end
  function world.left()
    local ids = {}
    for _, row in ipairs(world.rows) do ids[#ids + 1] = row.ID end
    return table.concat(ids, ' ')
  end
  return world
end

case('dates are read as seconds since 1970', function()
  equal(F.Retention.seconds('19700101T000000'), 0)
  equal(F.Retention.seconds('20261123T000000'), START)
  for _, moment in ipairs({ 951782400, 951868799, 1709164800, 1709251200, 4107542400, START + 12345 }) do
    equal(F.Retention.seconds(dateOf(moment)), moment)
  end
  equal({ F.Retention.seconds('yesterday'), F.Retention.seconds(nil), F.Retention.seconds('') }, {})
end)
case('what is confirmed and old enough leaves, the rest stays', function()
  local world = newWorld(10, 3)
  world.beat(3700)
  equal(world.left(), 'i8 i9 i10')
  equal(world.log, { '7 images, confirmed and older than 3 days, left the gateway' })
end)
case('an image that came again with other content meanwhile has a new row, and stays', function()
  local world = newWorld(10, 3)
  local removed, remove = 0, world.retention.orthanc.remove
  function world.retention.orthanc.remove(id)
    removed = removed + 1
    if removed == 1 then
      local again = table.remove(world.rows, 3)
      world.rows[#world.rows + 1] = { Seq = 11, ID = again.ID, Date = dateOf(world.now) }
    end
    return remove(id)
  end
  world.beat(3700)
  equal(world.left(), 'i8 i9 i10 i3')
end)
case('nothing leaves in the first hour', function()
  local world = newWorld(10, 3)
  world.beat(3500)
  equal(#world.rows, 10)
end)
case('what the cursor has not passed stays, however old it is', function()
  local world = newWorld(10, 3, { 4 })
  world.beat(3700)
  equal(world.left(), 'i5 i6 i7 i8 i9 i10')
end)
case('of several destinations the slowest decides', function()
  local world = newWorld(10, 3, { 10, 2, 7 })
  world.beat(3700)
  equal(world.left(), 'i3 i4 i5 i6 i7 i8 i9 i10')
end)
case('without a destination nothing is confirmed', function()
  local world = newWorld(5, 1, {})
  world.beat(9000)
  equal(#world.rows, 5)
end)
case('parked images stay, and leave after they were delivered', function()
  local world = newWorld(6, 1)
  world.parked.i2 = true
  world.beat(3700)
  equal(world.left(), 'i2 i6')
  world.parked.i2 = nil
  world.beat(3700)
  equal(world.left(), 'i6')
end)
case('images that are never sent stay', function()
  local world = newWorld(6, 1)
  world.unwanted.i1, world.unwanted.i3 = true, true
  world.beat(3700)
  equal(world.left(), 'i1 i3 i6')
end)
case('a date that cannot be read, or lies in the future, keeps its image and no other one', function()
  local world = newWorld(6, 1)
  world.rows[1].Date, world.rows[3].Date = 'odd', dateOf(START + 999 * DAY)
  world.beat(3700)
  equal(world.left(), 'i1 i3 i6')
end)
case('after a jump of the clock nothing leaves for a day', function()
  local world = newWorld(6, 30)
  world.now = world.now + 400 * DAY
  world.beat(80000)
  equal({ #world.rows, #world.log }, { 6, 1 })
  world.now = world.now - 400 * DAY
  world.beat(200000)
  equal({ #world.rows, #world.log }, { 6, 2 })
end)
case('a pass looks at few rows in one heartbeat and stops among the young ones', function()
  local world = newWorld(3000, 2999)
  world.engines[1].inFlight = 1
  world.beat(3601)
  equal(world.widest, 5)
  world.engines[1].inFlight = 0
  world.beat(100)
  equal({ world.widest, world.retention.read }, { 50, nil })
  equal(world.rows[1].ID, 'i2')
end)
case('settings: off by default, and checked', function()
  equal(F.settings.check({ Destinations = { { Peer = 'a' } } }).KeepDays, 0)
  equal(F.settings.check({ Destinations = { { Peer = 'a' } }, KeepDays = 30 }).KeepDays, 30)
  local _, problems = F.settings.check({ Destinations = { { Peer = 'a' } }, KeepDays = -1 })
  equal(problems, { 'MediverseForwarder.KeepDays must be a whole number from 0 to 36500' })
end)
local function newMemory()
  local kv = {}
  return { read = function(key) return kv[key] end, write = function(key, value) kv[key] = value end, forget = function(key) kv[key] = nil end }
end
case('a parked image is known though its label is missing', function()
  local memory, orthanc = newMemory(), { label = function() return {} end, unlabel = function() end, labelled = function() return {} end }
  F.Parking.new('cloud', { 'cloud' }, memory, orthanc):park('i1', 'why')
  local parking = F.Parking.new('cloud', { 'cloud' }, memory, orthanc)
  equal({ parking.count, parking:holds('i1'), parking:holds('i2') }, { 1, true, false })
  parking:release('i1')
  equal(parking:holds('i1'), false)
end)
case('while Orthanc does not say what is parked, every image may be', function()
  local answer
  local orthanc = { label = function() return {} end, labelled = function() return answer end }
  local parking = F.Parking.new('cloud', { 'cloud' }, newMemory(), orthanc)
  equal(parking:holds('i1'), true)
  answer = { 'i2' }
  parking:park('i2', 'why')
  parking:retryAll()
  equal({ parking:holds('i1'), parking:holds('i2'), parking.queue }, { false, true, { 'i2' } })
  answer = nil
  parking:nextRetry()
  parking:retryAll()
  equal({ parking:holds('i1'), parking:holds('i2'), parking.count }, { true, true, 1 })
end)
case('an image parked for two destinations keeps its label until both have it', function()
  local labels, peers = {}, { 'a', 'b' }
  local orthanc = { label = function(id) labels[id] = true return {} end, unlabel = function(id) labels[id] = nil end }
  function orthanc.labelled() return labels.i1 and { 'i1' } or {} end
  local memory = newMemory()
  local first, second = F.Parking.new('a', peers, memory, orthanc), F.Parking.new('b', peers, memory, orthanc)
  first:park('i1', 'why')
  second:park('i1', 'why')
  first:release('i1')
  second:retryAll()
  equal({ labels, first:holds('i1'), second:holds('i1'), second.queue }, { { i1 = true }, false, true, { 'i1' } })
  second:release('i1')
  equal(labels, {})
end)
case('images whose origin is not known stay', function()
  local world = newWorld(6, 1)
  world.engines[1].isWanted = function(_, row) if row.ID ~= 'i2' then return true end end
  world.beat(3700)
  equal(world.left(), 'i2 i6')
end)

check.run()
