-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The engine against a small model of Orthanc and of a cloud, with outages, refusals and crashes drawn by seed.

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local case, equal = check.case, check.equal
local newWorld = dofile((arg[0]:match('^(.*)/') or '.') .. '/world.lua')
local F = MediverseForwarder

case('all images arrive once and the cursor stands at the end', function()
  local world = newWorld()
  world.receive(500)
  world.beat(20)
  equal({ world.delivered(), world.twice, world.engine.window.cursor, world.engine.inFlight }, { 500, 0, 500, 0 })
end)
case('no field of the state looks like a fraction, which Orthanc would refuse', function()
  local world = newWorld()
  world.receive(7)
  world.beat(10)
  if not world.published.Rate:match('^0%.[6-9]/s$') then error(world.published.Rate) end
  for key, value in pairs(world.published) do
    if math.type(tonumber(value)) == 'float' then error(key .. ' is ' .. value) end
  end
end)
case('large images go one after the other, small ones side by side', function()
  local world = newWorld({ Jobs = 8, InFlightMegabytes = 100, Batch = 1 })
  world.receive(40)
  for seq = 1, 20 do world.sizes['i' .. seq] = 60 * 1048576 end
  world.engine:tick(1)
  equal(world.engine.inFlight, 2)
  for _ = 1, 60 do
    world.work(0.5)
    world.engine:tick(1)
  end
  equal({ world.delivered(), world.engine.inFlight, world.engine.weight }, { 40, 0, 0 })
end)
case('an outage is sat out with few attempts, then everything arrives', function()
  local world = newWorld({ Jobs = 8 })
  world.up = false
  world.receive(500)
  world.beat(600)
  if world.nextJob > 40 then error('too many attempts: ' .. world.nextJob) end
  equal({ world.delivered(), world.engine.window.cursor, world.published.State }, { 0, 0, 'paused' })
  world.up = true
  world.beat(90)
  equal({ world.delivered(), world.twice, world.engine.window.cursor, world.labels }, { 500, 0, 500, {} })
end)
case('one unreadable file is found by halving and parked with its reason', function()
  local world = newWorld()
  world.unreadable.i77 = true
  world.receive(300)
  world.beat(120)
  equal({ world.delivered(), world.labels, world.engine.window.cursor, world.engine.parking.count }, { 299, { i77 = true }, 300, 1 })
  if not world.kv['parked/cloud/i77']:match('cannot be read') then error('no reason') end
end)
case('an image that the cloud refuses is parked though nothing else is left to send', function()
  local world = newWorld({ ParkAfter = 3 })
  world.receive(20)
  world.beat(5)
  world.refused.i21 = true
  world.receive(1)
  world.beat(400)
  equal({ world.labels, world.engine.window.cursor, world.published.Parked }, { { i21 = true }, 21, '1' })
end)
case('a dead cloud parks nothing, however long it is dead', function()
  local world = newWorld({ ParkAfter = 2 })
  world.receive(20)
  world.beat(5)
  world.up = false
  world.receive(3)
  world.beat(5000)
  equal({ world.labels, world.engine.parking.count }, { {}, 0 })
end)
case('a cloud without room for new images is an outage, not a night of bad images', function()
  local world = newWorld()
  world.receive(20)
  world.beat(5)
  world.cloudFull = true   -- and yet it says yes to what it has
  world.receive(200)
  local before = world.nextJob
  world.beat(10800)
  if world.nextJob - before > 2000 then error(world.nextJob - before .. ' attempts in three hours') end
  before = world.nextJob
  world.beat(3600)
  if world.nextJob - before > 100 then error(world.nextJob - before .. ' attempts in an hour') end
  equal({ world.engine.parking.count, world.published.State }, { 0, 'paused' })
  world.cloudFull = false
  world.beat(120)
  equal({ world.delivered(), world.engine.window.cursor, world.labels }, { 220, 220, {} })
end)
case('a series that the cloud refuses is parked though nothing else is left to send', function()
  local world = newWorld()
  world.receive(20)
  world.beat(5)
  for seq = 21, 40 do world.refused['i' .. seq] = true end
  world.receive(20)
  world.beat(3000)
  equal({ world.engine.parking.count, world.published.State }, { 20, 'idle' })
end)
case('some bad images spread over a backlog do not hold up the good ones', function()
  for seed = 1, 10 do
    math.randomseed(seed)
    local world, bad = newWorld({ RetryParked = 100000 }), {}
    world.receive(20)
    world.beat(5)
    world.up = false
    world.receive(960)
    world.beat(300)
    for _ = 1, 8 do bad['i' .. math.random(21, 980)] = true end
    world.refused, world.up = bad, true
    local count = 0
    for _ in pairs(bad) do count = count + 1 end
    world.beat(900)
    if world.delivered() < 980 - count then error('seed ' .. seed .. ': only ' .. world.delivered()) end
    local begin = world.delivered()
    for _ = 1, 10 do
      world.receive(30)
      world.beat(120)
    end
    equal({ world.delivered() - begin, world.engine.parking.count }, { 300, count })
  end
end)
case('a few images at a time into a cloud without room: few are parked by mistake, and all arrive in the end', function()
  local world = newWorld({ RetryParked = 600 })
  world.receive(20)
  world.beat(5)
  world.cloudFull = true
  for _ = 1, 30 do
    world.receive(1)
    world.beat(600)
  end
  if world.engine.parking.count > 20 then error(world.engine.parking.count .. ' parked') end
  world.cloudFull = false
  world.beat(1300)
  equal({ world.delivered(), world.engine.window.cursor, world.labels, world.engine.parking.count }, { 50, 50, {}, 0 })
end)
case('an image that cannot be labelled is not parked, and so not forgotten at the next start', function()
  local world = newWorld({ ParkAfter = 2, RetryParked = 50 })
  world.full = true
  world.refused.i5 = true
  world.receive(40)
  world.beat(400)
  equal({ world.labels, world.engine.parking.count, world.kv['parked/cloud/i5'], world.published.Pending }, { {}, 0, nil, '1' })
  world.start()
  world.full, world.refused = false, {}
  world.beat(200)
  equal({ world.delivered(), world.engine.window.cursor }, { 40, 40 })
end)
case('a parked image whose label somebody removed keeps its place and gets its label again', function()
  local world = newWorld({ ParkAfter = 2, RetryParked = 50 })
  world.refused.i5 = true
  world.receive(40)
  world.beat(400)
  world.labels = {}
  world.beat(60)
  equal({ world.labels, world.published.Parked }, { { i5 = true }, '1' })
  world.labels = {}
  world.start()   -- before the next hourly look
  equal({ world.labels, world.engine.parking.count }, { { i5 = true }, 1 })
  world.refused, world.labels = {}, {}
  world.beat(120)
  equal({ world.delivered(), world.engine.parking.count, world.labels, world.kv['parked/cloud/i5'] }, { 40, 0, {}, nil })
end)
case('parked images are tried one at a time', function()
  local world, most = newWorld({ ParkAfter = 2, RetryParked = 50 }), 0
  world.receive(40)
  for seq = 2, 40, 2 do world.unreadable['i' .. seq] = true end
  world.beat(400)
  equal(world.engine.parking.count, 20)
  world.receive(1)
  world.engine.lastParkedRetry = -50
  for _ = 1, 30 do
    world.engine:tick(1)
    most = math.max(most, world.engine.parkedJobs)
    world.work()
  end
  equal({ most, world.engine.parkedJobs <= 1 }, { 1, true })
end)
case('what came in while a job ran goes at its end once it is enough for a job, else in the next turn', function()
  local world = newWorld({ SmallestBatch = 4, Jobs = 1 })
  world.receive(4)
  world.engine:tick(1)
  world.receive(3)
  world.finish('job1')
  equal({ world.nextJob, world.engine.window.read }, { 1, 4 })
  world.engine:tick(1)
  equal({ world.nextJob, #world.jobs.job2.ids, world.engine.window.read }, { 2, 3, 7 })
  world.receive(4)
  world.finish('job2')
  equal({ world.nextJob, #world.jobs.job3.ids, world.engine.window.read }, { 3, 4, 11 })
end)
case('the last images of a study do not queue up in one job', function()
  local world = newWorld({ Jobs = 10, SmallestBatch = 1 })
  world.receive(60)
  world.engine:tick(1)
  world.receive(100)
  world.finish('job1')
  equal(#world.jobs.job11.ids, 10)
end)
case('a parked image is tried again and released when it passes', function()
  local world = newWorld({ ParkAfter = 2, RetryParked = 50 })
  world.refused.i5 = true
  world.receive(40)
  world.beat(400)
  equal(world.labels, { i5 = true })
  world.refused = {}
  world.start()
  world.beat(120)
  equal({ world.labels, world.delivered(), world.engine.parking.count, world.kv['parked/cloud/i5'] }, { {}, 40, 0, nil })
end)
case('deleted images are passed over', function()
  local world = newWorld()
  world.receive(20)
  world.engine:tick(1)
  world.up = false
  world.work()
  world.gone.i3, world.gone.i4 = true, true
  world.up = true
  world.beat(60)
  equal({ world.delivered(), world.engine.window.cursor }, { 18, 20 })
end)
case('a database that fails for a while drops no image', function()
  local world = newWorld({ ParkAfter = 2 })
  world.receive(50)
  world.sick = true
  world.beat(300)
  equal({ world.delivered(), world.engine.window.cursor, world.labels }, { 0, 0, {} })
  world.sick = false
  world.beat(120)
  equal({ world.delivered(), world.engine.window.cursor, world.labels }, { 50, 50, {} })
end)
case('a database that fails for a while keeps deleted images and living ones apart', function()
  local world = newWorld()
  world.receive(20)
  world.sick = true
  world.engine:tick(1)
  world.gone.i3, world.gone.i7 = true, true
  world.beat(30)
  world.sick = false
  world.beat(120)
  equal({ world.delivered(), world.engine.window.cursor }, { 18, 20 })
end)
case('a parked image that is deleted is forgotten', function()
  local world = newWorld({ ParkAfter = 2, RetryParked = 50 })
  world.refused.i5 = true
  world.receive(40)
  world.beat(400)
  world.engine.parking.queue = { 'i5' }
  world.gone.i5 = true
  world.beat(5)
  equal({ world.kv['parked/cloud/i5'], world.engine.parking.count }, { nil, 0 })
end)
case('a cursor in files that belongs to another change log is not believed', function()
  local world = newWorld()
  world.memory.besideTheLog = false
  world.receive(50)
  world.beat(10)
  world.start()
  equal(world.engine.window.cursor, 50)
  world.rows, world.cloud = {}, {}   -- the database was replaced by an older one
  world.receive(30, 'old')
  world.start()
  equal(world.engine.window.cursor, 0)
  world.receive(40, 'new')           -- the log is as long as before, and row 50 is another image
  world.kv['cursor/cloud'] = '50 i50'
  world.start()
  world.beat(20)
  equal({ world.delivered(), world.engine.window.cursor }, { 70, 70 })
end)
case('images made by Lua are not forwarded', function()
  local world = newWorld()
  world.receive(5)
  world.receive(5, 'lua')
  world.beat(5)
  equal({ world.delivered(), world.engine.skipped, world.engine.window.cursor }, { 5, 5, 10 })
end)
case('a job whose end was never announced is looked up', function()
  local world = newWorld()
  world.receive(4)
  world.engine:tick(1)
  world.jobs = {}
  world.beat(30)
  equal({ world.delivered(), world.engine.window.cursor }, { 4, 4 })
end)
case('random outages, crashes, refusals and bad files: nothing lost, memory bounded', function()
  for seed = 1, 60 do
    math.randomseed(seed)
    local world = newWorld({ ParkAfter = 3, LongestPause = 10, Window = 8, Jobs = 4, Batch = 5 })
    local bad = {}
    for _ = 1, 60 do
      world.receive(math.random(0, 12))
      if math.random() < 0.1 then
        local id = 'i' .. math.random(1, #world.rows + 5)
        if not world.cloud[id] then bad[id] = true; (math.random() < 0.5 and world.refused or world.unreadable)[id] = true end
      end
      if math.random() < 0.15 then world.up = not world.up end
      world.sick = math.random() < 0.1
      if math.random() < 0.1 then world.start() end
      world.beat(math.random(1, 4), 0.7)
      if world.engine.window.open > 20 then error('window too large at seed ' .. seed) end
    end
    world.up, world.sick = true, false
    world.receive(30)
    world.beat(1500)
    for _, row in ipairs(world.rows) do
      local id = row.ID
      if not world.cloud[id] and not (bad[id] and world.labels[id]) then error('seed ' .. seed .. ' lost ' .. id) end
      if world.labels[id] and not bad[id] then error('seed ' .. seed .. ' parked a good image ' .. id) end
    end
    equal({ world.engine.window.cursor, world.engine.window.open, world.engine.inFlight }, { #world.rows, 0, 0 })
  end
end)
case('with local retention on: whatever left the gateway is in the cloud', function()
  local leftInAll = 0
  for seed = 1, 40 do
    math.randomseed(seed)
    local world, wall, left = newWorld({ ParkAfter = 3, LongestPause = 10, Window = 8, Jobs = 4, Batch = 5 }), 1795392000, 0
    local retention
    local function start()
      retention = F.Retention.new(1, { world.engine }, { orthanc = world.orthanc, wall = function() return wall end, log = function() end })
      retention.nextPass = 0
    end
    start()
    for _ = 1, 60 do
      local before = #world.rows
      world.receive(math.random(0, 12), math.random() < 0.1 and 'lua' or 'i')
      for seq = before + 1, #world.rows do world.rows[seq].Date = os.date('!%Y%m%dT%H%M%S', wall - math.random(0, 3) * 86400) end
      if math.random() < 0.1 then (math.random() < 0.5 and world.refused or world.unreadable)['i' .. math.random(1, #world.rows + 5)] = true end
      if math.random() < 0.15 then world.up = not world.up end
      if math.random() < 0.1 then
        world.start()
        start()
      end
      world.beat(math.random(1, 4), 0.7)
      for _ = 1, 5 do
        wall = wall + 1
        retention:tick(1)
        if not retention.read then retention.nextPass = 0 end
      end
    end
    for id in pairs(world.gone) do
      left = left + 1
      if not world.cloud[id] then error('seed ' .. seed .. ': ' .. id .. ' left and is not in the cloud') end
    end
    leftInAll = leftInAll + left
  end
  if leftInAll < 1000 then error('only ' .. leftInAll .. ' images left, so little was tested') end
end)

check.run()
