-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A small model of Orthanc and of a cloud for the engine: newWorld(settings of the destination, office hours).

local F = MediverseForwarder

function DumpJson() return '{}' end

-- World: images, a cloud that may be down, refuse some images, and jobs that end when `work` is called.
local function newWorld(settings, officeHours)
  local world = { moment = { hour = 12, min = 0, wday = 2 }, hours = F.Hours.new(officeHours), cancelled = {}, sizes = {}, rows = {}, gone = {}, refused = {}, unreadable = {}, cloud = {}, twice = 0, up = true, poison = {}, kills = 0, restart = 8, tooLarge = nil, attempts = {}, jobs = {}, nextJob = 0, labels = {}, kv = {}, published = {} }
  local orthanc = {}
  function orthanc.newImages(since, limit)
    local result = {}
    for seq = since + 1, #world.rows do
      if #result == limit then break end
      if not world.gone[world.rows[seq].ID] then result[#result + 1] = world.rows[seq] end
    end
    return result
  end
  function orthanc.lastChange() return #world.rows end
  function orthanc.changeAt(seq) return world.rows[seq] end
  function orthanc.present(ids)
    if world.sick then return nil end
    local found = {}
    for _, id in ipairs(ids) do if not world.gone[id] then found[id] = true end end
    return found
  end
  function orthanc.isReadable(id) return not world.unreadable[id] end
  function orthanc.origin(id) return not world.sick and { Origin = id:match('^lua') and 'Lua' or 'DicomProtocol' } or nil end
  function orthanc.knowsPeer() return true end
  function orthanc.send(_, ids)
    if world.sick then return nil end
    for _, id in ipairs(ids) do if world.gone[id] then return nil end end
    for _, id in ipairs(ids) do world.attempts[id] = (world.attempts[id] or 0) + 1 end
    world.nextJob = world.nextJob + 1
    local job = 'job' .. world.nextJob
    world.jobs[job] = { ids = ids, hung = world.silent }
    return job
  end
  function orthanc.job(id)
    local job = world.jobs[id]
    if not job then return 'gone', nil, true end
    if not job.outcome then return job.waits and 'waiting' or 'running', job.progress end
    return job.outcome, job.reason, job.line
  end
  function orthanc.size(id) return world.sizes[id] or 500000 end
  function orthanc.cancel(id) world.cancelled[#world.cancelled + 1] = id end
  function orthanc.label(id)
    if world.sick or world.full then return nil end
    world.labels[id] = true
    return {}
  end
  function orthanc.unlabel(id) world.labels[id] = nil end
  function orthanc.labelled()
    if world.sick then return nil end
    local result = {}
    for id in pairs(world.labels) do result[#result + 1] = id end
    return result
  end
  function orthanc.publish(_, fields) world.published = fields end
  function orthanc.remove(id)
    world.gone[id] = true
    return true
  end
  world.orthanc = orthanc

  local memory = { besideTheLog = true, read = function(key) return world.kv[key] end,
    write = function(key, value) world.kv[key] = value end, forget = function(key) world.kv[key] = nil end }

  world.memory = memory
  world.journal = F.Journal.new('', { memory = memory, wall = os.time, parse = function() end, json = function() return '' end })

  function world.start()
    local given = { Peer = 'cloud' }
    for key, value in pairs(settings or {}) do given[key] = value end
    local destination = F.settings.check({ Destinations = { given } }).Destinations[1]
    world.jobs = {}
    world.engine = F.Engine.new(destination, { orthanc = orthanc, memory = memory, hours = world.hours, journal = world.journal, parking = F.Parking.new('cloud', { 'cloud' }, memory, orthanc),
      log = function() end, random = math.random, now = function() return 'now' end })
  end
  function world.receive(count, prefix)
    for _ = 1, count do
      local seq = #world.rows + 1
      world.rows[seq] = { Seq = seq, ID = (prefix or 'i') .. seq, Date = 'd' .. seq }
    end
  end
  -- The cloud dies of an image, with all that is under way, and is back some seconds later.
  local function die()
    world.kills, world.downUntil = world.kills + 1, world.engine.clock + world.restart
    world.up = false
  end
  function world.finish(name)
    local job = world.jobs[name]
    job.outcome = 'success'
    for _, id in ipairs(job.ids) do
      if world.up and world.poison[id] then die() end
      if world.up and world.tooLarge and world.orthanc.size(id) > world.tooLarge then
        job.outcome, job.reason, job.line = 'failure', 'network', true
        world.journal.jobs[name] = { 413, 'Request Entity Too Large' }
      elseif not world.up or world.refused[id] or world.cloudFull and not world.cloud[id] then job.outcome, job.reason, job.line = 'failure', 'network', true
      elseif world.unreadable[id] then job.outcome, job.reason, job.line = 'failure', 'file', false
      else
        if world.cloud[id] then world.twice = world.twice + 1 end
        world.cloud[id] = true
      end
      if job.outcome == 'failure' then break end
    end
    world.engine:finished(name, job.outcome == 'success')
    world.jobs[name] = nil
  end
  -- What hangs on a silent line ends at the peer's timeout.
  function world.timeOut()
    world.silent = false
    local names = {}
    for name, job in pairs(world.jobs) do if job.hung then names[#names + 1] = name end end
    table.sort(names)
    for _, name in ipairs(names) do   -- with the end of one job the engine begins another
      local job = world.jobs[name]
      job.outcome, job.reason, job.line = 'failure', 'timeout', true
      world.engine:finished(name, false)
      world.jobs[name] = nil
    end
  end
  function world.work(chance)
    local names = {}
    for name, job in pairs(world.jobs) do if not job.outcome and not job.hung then names[#names + 1] = name end end
    table.sort(names)   -- before the dice, so that a seed means one run
    -- The image that kills needs no longer than the others: what goes with it fails with it.
    local function kills(name)
      for _, id in ipairs(world.jobs[name].ids) do if world.poison[id] then return true end end
      return false
    end
    for index, name in ipairs(names) do
      if world.up and kills(name) then
        table.remove(names, index)
        table.insert(names, 1, name)
      end
    end
    for _, name in ipairs(names) do if math.random() < (chance or 1) and world.jobs[name] then world.finish(name) end end
  end
  function world.beat(times, chance, seconds)
    for _ = 1, times do
      world.hours:tick(seconds or 1, world.moment)
      world.engine:tick(seconds or 1)
      if world.downUntil and world.engine.clock >= world.downUntil then world.up, world.downUntil = true, nil end
      world.work(chance)
    end
  end
  -- Hours in which little happens, in longer steps.
  function world.wait(hours) world.beat(hours * 720, 1, 5) end
  function world.delivered()
    local count = 0
    for _ in pairs(world.cloud) do count = count + 1 end
    return count
  end
  world.start()
  return world
end

return newWorld
