-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Jobs that stand still, turns without a heartbeat, and the rate in office hours.

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local newWorld = dofile((arg[0]:match('^(.*)/') or '.') .. '/world.lua')
local case, equal = check.case, check.equal

case('a line that fell silent costs minutes, and then everything arrives', function()
  local world = newWorld({ Jobs = 2, Batch = 10 })
  world.receive(100)
  world.silent = true
  world.engine:tick(1)
  world.silent = false
  world.beat(120)
  equal({ world.delivered(), world.cancelled }, { 0, {} })
  world.beat(80)
  equal({ world.delivered(), #world.cancelled, world.engine.window.cursor, world.engine.stuckCount }, { 100, 2, 100, 2 })
  world.timeOut()
  equal({ world.engine.stuckCount, world.twice, world.labels }, { 0, 0, {} })
end)
case('a job that gets on is not given up, however long it takes', function()
  local world = newWorld({ Jobs = 1, Batch = 20 })
  world.receive(20)
  world.silent = true
  world.engine:tick(1)
  for image = 1, 20 do
    world.jobs.job1.progress = 5 * image
    world.beat(100)
  end
  equal(world.cancelled, {})
end)
case('a job that waits for a free thread is not given up', function()
  local world = newWorld({ Jobs = 1 })
  world.receive(5)
  world.silent = true
  world.engine:tick(1)
  world.jobs.job1.waits = true
  world.beat(3000)
  equal(world.cancelled, {})
end)
case('a film of 500 MB may take its time on a slow line', function()
  local world = newWorld({ Jobs = 8 })
  world.receive(1)
  world.sizes.i1 = 500000000
  world.silent = true
  world.engine:tick(1)
  world.beat(2000)   -- at 2 Mbit/s; a second one does not begin before the first has ended
  equal(world.cancelled, {})
  world.beat(200)
  equal(#world.cancelled, 1)
end)
case('a line that stays silent takes the threads in reserve and no more', function()
  local world = newWorld({ Jobs = 3, Batch = 5, LongestPause = 4 })
  world.receive(200)
  world.silent = true
  for _ = 1, 5000 do
    world.beat(1)
    local held = 0
    for _ in pairs(world.jobs) do held = held + 1 end
    if held > 6 then error(held .. ' threads') end
  end
  equal({ world.engine.stuckCount, world.engine.inFlight, world.labels }, { 6, 0, {} })
  world.timeOut()
  world.beat(120)
  equal({ world.delivered(), world.engine.window.cursor, world.engine.stuckCount, world.labels }, { 200, 200, 0, {} })
end)
case('a job that was given up and ended without an event frees its thread', function()
  local world = newWorld({ Jobs = 1 })
  world.receive(5)
  world.silent = true
  world.engine:tick(1)
  world.silent = false
  world.beat(200)
  equal(world.engine.stuckCount, 1)
  world.jobs = {}
  world.beat(20)
  equal({ world.engine.stuckCount, world.delivered() }, { 0, 5 })
end)
case('without a heartbeat, images that come in and jobs that end keep it going', function()
  local world = newWorld({ Jobs = 2, Batch = 5, SmallestBatch = 1 })
  for _ = 1, 60 do
    world.receive(1)
    world.engine:tick(0, true)
  end
  for _ = 1, 60 do
    world.work()
    world.engine:tick(0, true)
  end
  equal({ world.delivered(), world.engine.window.cursor }, { 60, 60 })
  equal({ world.published.Pending, world.published.Cursor, world.published.State }, { '0', '60', 'idle' })
end)
case('in office hours the line carries the rate and no more, before and after all that it can', function()
  local RATE, SIZE = 250000, 500000   -- 2 Mbit/s
  local world = newWorld({ Jobs = 8 }, { From = '07:00', To = '19:00', Mbit = 2, Days = {} })
  world.receive(20000)
  world.moment.hour = 6
  world.beat(5)
  local before = world.delivered()
  if before < 5 * 160 then error('only ' .. before .. ' before') end
  world.moment.hour = 7
  world.beat(3600)
  local bytes = (world.delivered() - before) * SIZE
  -- Jobs that are under way when the hours begin, 8 of 20 images, are not held back.
  if bytes > RATE * 3600 + 8 * 20 * SIZE + 20 * SIZE or bytes < RATE * 3600 * 0.98 then error(bytes .. ' bytes in an hour') end
  equal(world.published.State, 'limited')
  local moment = world.delivered()
  world.beat(60)
  if (world.delivered() - moment) * SIZE > RATE * 60 + 4 * SIZE then error('more than a chunk above the rate') end
  world.moment.hour = 19
  world.beat(600)
  equal(world.delivered(), 20000)
end)
case('in office hours it shows that it holds back, also while a job is under way', function()
  local world = newWorld({ SmallestBatch = 4 }, { From = '00:00', To = '00:00', Mbit = 8, Days = {} })
  world.receive(50)
  local seen = {}
  for _ = 1, 20 do
    world.hours:tick(1, world.moment)
    world.engine:tick(1)   -- 4 images are 2 seconds of the rate: a job begins in every turn that is published
    seen[#seen + 1] = world.published.State
    world.work()
  end
  equal(table.concat(seen, ' '):match('limited') ~= nil, true)
  equal(world.published.State, 'limited')
end)
case('in office hours a large image is paid for afterwards', function()
  local world = newWorld({ SmallestBatch = 1 }, { From = '00:00', To = '00:00', Mbit = 8, Days = {} })
  world.receive(2)
  world.sizes.i1 = 500000000
  world.beat(495)
  equal(world.delivered(), 1)
  world.beat(10)
  equal(world.delivered(), 2)
end)

check.run()
