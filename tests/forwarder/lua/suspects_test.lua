-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Images that kill the cloud, and images that are too large for it.

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local newWorld = dofile((arg[0]:match('^(.*)/') or '.') .. '/world.lua')
local case, equal = check.case, check.equal
local MB = 1048576

local function most(limit, count, what) if count > limit then error(count .. ' ' .. what) end end

case('a large image that kills the cloud does so four times, is held, and everything else arrives', function()
  local world = newWorld({ Jobs = 8 })
  world.receive(40)
  world.beat(5)
  world.poison.i100, world.sizes.i100 = true, 1200 * MB
  world.receive(200)
  world.beat(1200)
  equal({ world.delivered(), world.labels, world.engine.window.cursor }, { 239, { i100 = true }, 240 })
  most(4, world.kills, 'kills')
  if not world.kv['parked/cloud/i100']:match('broke') then error(world.kv['parked/cloud/i100']) end
  world.wait(4)
  most(4, world.kills, 'kills after the hourly attempts')
end)
case('a small image that kills the cloud is found among its neighbours and held', function()
  for seed = 1, 10 do
    math.randomseed(seed)
    local world = newWorld({ Jobs = 8 })
    world.receive(40)
    world.beat(5)
    world.poison.i100 = true
    world.receive(300)
    world.beat(2400)
    equal({ world.delivered(), world.labels, world.engine.window.cursor }, { 339, { i100 = true }, 340 })
    most(10, world.kills, 'kills at seed ' .. seed)
    local before = world.kills
    world.wait(2)
    equal(world.kills, before)
  end
end)
case('an image that kills the cloud when nothing else is left to send is held, too', function()
  local world = newWorld()
  world.receive(40)
  world.beat(5)
  world.poison.i41, world.sizes.i41 = true, 900 * MB
  world.receive(1)
  world.beat(1200)
  equal({ world.labels, world.engine.window.cursor }, { { i41 = true }, 41 })
  local before = world.kills
  most(5, before, 'kills')
  world.wait(3)
  equal(world.kills, before)
end)
case('a cloud that is back in two seconds does not hide what kills it', function()
  local world = newWorld({ Jobs = 8 })
  world.restart = 2
  world.receive(40)
  world.beat(5)
  world.poison.i100, world.sizes.i100 = true, 1200 * MB
  world.receive(400)
  world.beat(1200)
  equal({ world.delivered(), world.labels }, { 439, { i100 = true } })
  local before = world.kills
  most(6, before, 'kills')
  world.wait(3)
  most(before + 2, world.kills, 'kills by hourly attempts')
end)
case('what kills the cloud is released by an operator, once, and is gone when the cloud can take it', function()
  local world = newWorld({ Jobs = 8 })
  world.receive(40)
  world.beat(5)
  world.poison.i41, world.sizes.i41 = true, 1200 * MB
  world.receive(30)
  world.beat(1200)
  equal(world.engine.parking.count, 1)
  local before = world.kills
  world.engine.parking:again('i41')
  world.wait(4)
  equal({ world.kills - before, world.engine.parking.count }, { 1, 1 })
  world.poison = {}
  world.engine.parking:again('i41')
  world.beat(60)
  equal({ world.delivered(), world.labels, world.engine.parking.count, world.kv['held/cloud/i41'] }, { 70, {}, 0, nil })
end)
case('a held image stays held after a restart', function()
  local world = newWorld({ LargestMegabytes = 100 })
  world.sizes.i3 = 101 * MB
  world.receive(5)
  world.beat(20)
  world.start()
  world.wait(2.25)
  equal({ world.delivered(), world.labels, world.attempts.i3 }, { 4, { i3 = true }, nil })
end)
case('an image above the limit of the cloud is not sent at all, and goes when the limit is another one', function()
  local settings = { LargestMegabytes = 900 }
  local world = newWorld(settings)
  world.sizes.i7, world.sizes.i9 = 900 * MB, 900 * MB + 1
  world.receive(40)
  world.wait(4)
  equal({ world.delivered(), world.labels, world.engine.window.cursor, world.attempts.i9 }, { 39, { i9 = true }, 40, nil })
  if not world.kv['parked/cloud/i9']:match('up to 900 MB') then error(world.kv['parked/cloud/i9']) end
  settings.LargestMegabytes = 800
  world.start()
  world.wait(2)
  equal(world.attempts.i9, nil)
  settings.LargestMegabytes = 1000
  world.start()
  world.wait(2)
  equal({ world.delivered(), world.labels, world.engine.parking.count }, { 40, {}, 0 })
end)
case('an operator may try an image above the limit once', function()
  local world = newWorld({ LargestMegabytes = 100 })
  world.sizes.i3, world.tooLarge = 101 * MB, 100 * MB
  world.receive(5)
  world.beat(20)
  world.engine.parking:again('i3')
  world.wait(6)
  equal({ world.attempts.i3, world.engine.parking.count }, { 1, 1 })
end)
case('an image that the cloud calls too large is set aside at the first word, and tried rarely', function()
  local world = newWorld()
  world.receive(40)
  world.beat(5)
  world.tooLarge, world.sizes.i41 = 900 * MB, 1200 * MB
  world.receive(1)
  world.beat(60)
  equal({ world.labels, world.attempts.i41, world.engine.breaker:isOpen() }, { { i41 = true }, 1, false })
  if not world.kv['parked/cloud/i41']:match('413') then error(world.kv['parked/cloud/i41']) end
  world.wait(24)
  equal(world.attempts.i41, 2)
  world.tooLarge = nil
  world.wait(30)
  equal({ world.delivered(), world.labels }, { 41, {} })
end)
case('a proxy that calls everything too large is an outage', function()
  local world = newWorld()
  world.receive(40)
  world.beat(5)
  world.tooLarge = 0
  world.receive(200)
  world.wait(1)
  equal(world.engine.parking.count, 0)
  local state = world.published.State
  if state ~= 'paused' and state ~= 'probing' then error(state) end
  world.tooLarge = nil
  world.beat(120)
  equal({ world.delivered(), world.labels }, { 240, {} })
end)
case('cut lines hold nobody', function()
  for seed = 1, 20 do
    math.randomseed(seed)
    local world = newWorld({ Jobs = 8, LongestPause = 4 })
    for _ = 1, 30 do
      world.receive(math.random(5, 40))
      world.beat(math.random(1, 60), 0.3)
      world.up = false
      world.beat(math.random(1, 20), 0.3)
      world.up = true
    end
    world.beat(900)
    equal({ world.delivered(), world.labels, world.engine.parking.count }, { #world.rows, {}, 0 })
  end
end)
case('a parked image that is deleted is none within a minute', function()
  local world = newWorld({ ParkAfter = 2 })
  world.refused.i5 = true
  world.receive(40)
  world.beat(400)
  equal({ world.engine.parking.count, world.published.Parked }, { 1, '1' })
  world.gone.i5, world.sick = true, true
  world.beat(70)
  equal(world.engine.parking.count, 1)   -- the database does not say
  world.sick = false
  world.beat(62)
  equal({ world.engine.parking.count, world.published.Parked, world.kv['parked/cloud/i5'] }, { 0, '0', nil })
end)

check.run()
