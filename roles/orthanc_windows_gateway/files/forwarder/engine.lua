-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The engine of one destination: reads new images from Orthanc's change log, sends them in jobs, and moves a durable cursor.
--
-- The change log is the queue. Orthanc writes a row in the very transaction that stores an image, so whatever a scanner got
-- Success for is in the backlog, even if the process dies in the next instant. Rows up to the cursor are delivered or parked;
-- after a crash everything behind it is sent again, and the cloud answers that it has the image already.

MediverseForwarder = MediverseForwarder or {}

local chunks, Window, Breaker = MediverseForwarder.chunks, MediverseForwarder.Window, MediverseForwarder.Breaker

local Engine = {}
Engine.__index = Engine

local HALVE_AFTER = 2      -- strikes of a chunk of several images
-- What a canary may do until an image that was new passes: speak so often against many images, and park so many.
local MOST_CANARIES, FEW = 10, 20
local RATE_SPAN, RATE_STEP = 60, 2           -- seconds: what the rate looks back on, and how finely
local PUBLISH_EVERY, PUBLISH_IDLE = 2, 30   -- seconds: with news, and without
local PARKED_LOOK = 60     -- seconds between looks whether parked images are still there

-- destination: see settings.lua. world: {orthanc, memory, parking, journal, log(text), random(), now() -> text of date and time}.
function Engine.new(destination, world)
  local self = setmetatable({
    destination = destination, orthanc = world.orthanc, memory = world.memory, parking = world.parking, log = world.log, now = world.now,
    breaker = Breaker.new(destination.LongestPause, world.random),
    hours = world.hours, journal = world.journal,
    clock = 0, sent = 0, skipped = 0, lastSuccess = '', lastError = '', lastPublished = -PUBLISH_IDLE,
    jobs = {}, inFlight = 0, weight = 0, stuck = {}, stuckCount = 0, lastStuckLook = 0, parkedJobs = 0, lastParkedRetry = 0,
    lastPassed = nil, canaryTurn = false, canaries = 0, convicted = 0, lastParkedLook = 0, retried = {},
    largestPassed = 0, failing = false, dead = false, accused = {}, pulse = false, probes = 0, asked = false, askedAt = 0, revivedAt = -3600, doubted = nil, candidate = nil, suspect = nil,
    rate = MediverseForwarder.Rate.new(RATE_SPAN, RATE_STEP),
  }, Engine)
  local cursor, last = self:restoredCursor()
  self.window = Window.new(cursor)
  if last and last ~= '-' and not self.parking:holds(last) and self:isWanted({ ID = last }) then self.lastPassed = last end
  return self
end

function Engine:cursorKey() return 'cursor/' .. self.destination.Peer end

-- The cursor of an earlier run, or 0 when it cannot belong to this change log: starting over is slow but loses nothing.
-- A cursor kept in Orthanc's database cannot disagree with the log beside it; one in a file can, after a restored backup. Returns the
-- last image before it, too: one that the cloud probably has.
function Engine:restoredCursor()
  local seq, id = tostring(self.memory.read(self:cursorKey()) or ''):match('^(%d+) (%S+)$')
  seq = tonumber(seq or 0)
  if seq == 0 or self.memory.besideTheLog then return seq, id end
  local row = seq <= self.orthanc.lastChange() and self.orthanc.changeAt(seq)
  if row and (row.Seq ~= seq or row.ID == id) then return seq, id end
  self.log('the change log of Orthanc is not the one that the cursor belongs to; all images are offered to the cloud again')
  return 0
end

-- Loop avoidance: false for an image that came from where it would go; nil when Orthanc does not say where it came from.
function Engine:isWanted(row)
  local rules = self.destination
  if #rules.SkipHttpUsers + #rules.SkipRemoteAets + #rules.SkipOrigins == 0 then return true end
  local origin = self.orthanc.origin(row.ID)
  if not origin then return nil end
  local function listed(list, value)
    for _, item in ipairs(list) do if item == value then return true end end
    return false
  end
  return not (listed(rules.SkipHttpUsers, origin.HttpUsername) or listed(rules.SkipRemoteAets, origin.RemoteAET)
    or listed(rules.SkipOrigins, origin.Origin))
end

-- Reads new rows, as many as the free jobs will carry; in office hours one small chunk. Fewer than a job should have are read only
-- in a turn: at the end of every job that would make a job of each image, and a job costs a connection.
function Engine:fill(isTurn)
  local free, settings = self:freeJobs(), self.destination
  if free <= 0 or self.window.open >= settings.Window then return end
  local waiting = self.orthanc.lastChange() - self.window.read   -- rows of all kinds: rather too many
  local smallest = math.min(settings.SmallestBatch, settings.Batch)
  if waiting <= 0 or waiting < smallest and not isTurn then return end
  local size = chunks.size(waiting, settings.Jobs, settings.Batch, smallest)
  if self.hours.on then free, size = 1, smallest end
  local rows = self.orthanc.newImages(self.window.read, free * size)
  if #rows < smallest and not isTurn then return end
  local pieces, skipped = chunks.cut(rows, size,
    function(row) return self:isWanted(row) ~= false end)   -- in doubt an image is offered: the cloud may know it already
  self.skipped = self.skipped + skipped
  for _, chunk in ipairs(pieces) do self.window:append(chunk) end
end

function Engine:advance()
  if self.window:advance() then
    self.memory.write(self:cursorKey(), string.format('%d %s', self.window.cursor, self.window.cursorId))
  end
  if #self.window.list > 2 * self.destination.Window then self.window:compact() end
end

-- All images of the chunk were deleted from the gateway; `first` was one of them.
function Engine:vanished(chunk, first)
  if not chunk.purpose then self.window:settle(chunk) end
  if chunk.purpose == 'canary' or chunk.purpose == 'pulse' then self.lastPassed = nil end
  if chunk.purpose == 'pulse' then self.pulse, self.doubted, self.candidate = false, nil, nil end
  if chunk.purpose == 'parked' then self.parking:release(first) end
end

-- Takes images out of the chunk that were deleted from the gateway; only on proof, because what goes here is never sent.
-- Returns how many went; nil when Orthanc's database did not answer.
function Engine:dropDeleted(chunk)
  local present = self.orthanc.present(chunk.ids)
  return present and chunks.prune(chunk, present)
end

-- Hands a chunk to Orthanc's job engine. Orthanc refuses a job as a whole when an image was deleted or the peer is unknown.
function Engine:submit(chunk)
  chunk.lastTry, chunk.calm = self.clock, not self.failing and not self.breaker:isOpen()
  self:bytes(chunk)
  if self:sift(chunk) then return end
  local job = self.orthanc.send(self.destination, chunk.ids)
  local first, dropped = chunk.ids[1], 0
  if not job then dropped = self:dropDeleted(chunk) end
  if dropped and dropped > 0 then
    if #chunk.ids == 0 then return self:vanished(chunk, first) end
    job = self.orthanc.send(self.destination, chunk.ids)
  end
  if job then
    chunk.job, chunk.progress, chunk.moved, chunk.looked = job, nil, self.clock, self.clock
    self.jobs[job] = chunk
    local total, largest = self:bytes(chunk)
    self.inFlight, self.weight, chunk.weight = self.inFlight + 1, self.weight + largest, largest
    if self:isSuspect(chunk) then self.suspect = chunk end
    if chunk.purpose == 'parked' then self.parkedJobs = self.parkedJobs + 1 end
    if self.hours.on then self.hours:spend(total) end
    return
  end
  if not dropped then return self:failed(chunk, 'the database of Orthanc does not answer', true, true) end
  local reason = self.orthanc.knowsPeer(self.destination.Peer) and 'Orthanc refused to start a job'
    or 'Orthanc knows no peer named ' .. self.destination.Peer .. '; register it'
  self:failed(chunk, reason, true)
end

-- A canary is an image that the cloud already has. When it passes while all that waits does not, the line is well and what waits is to
-- blame. But a cloud without room says yes to every canary, too, and refuses all that is new: so its word counts against few images,
-- and against many only to find out, by halving, which of them are good.
function Engine:wantsCanary()
  return self.lastPassed ~= nil and self.convicted < FEW and (self:areFew() or self.canaries < MOST_CANARIES) and self.window:allSuspect()
end

function Engine:areFew() return self.window:pending() <= FEW end

-- While the cloud looks dead, one attempt at a time; every other one a canary, when all that waits has failed before.
function Engine:probe()
  if self.inFlight > 0 or self:freeJobs() <= 0 or not self.hours:maySend() then return end
  self:fill(true)
  if self:isPulseTurn() then return self:ask() end
  self.canaryTurn = not self.canaryTurn and self:wantsCanary()
  if self.canaryTurn then return self:submit(chunks.single(self.lastPassed, 'canary')) end
  local chunk = self.window:leastRecentlyTried()
  if chunk then self:submit(chunk) else self.breaker:success(self.clock) end
end

function Engine:pump(isTurn)
  if self.breaker:isPaused(self.clock) then return end
  if self.breaker:isOpen() then
    self:probe()
  elseif self.hours:maySend() then
    self:askAgain()
    self:fill(isTurn)
    local ready = self.window:ready(self.clock)
    for _, chunk in ipairs(ready) do
      if self:freeJobs() <= 0 or self.breaker:isOpen() or not self.hours:maySend() then break end
      if self:mayGo(chunk) then self:submit(chunk) end
    end
    if not self.breaker:isOpen() and self.hours:maySend() then self:trySuspect(ready) end
    self:retryParked()
  end
  self:advance()
end

-- One at a time, so that many parked images do not stand in the way of new ones. A large one is tried the more rarely, the larger it is.
function Engine:retryParked()
  if self.clock - self.lastParkedRetry >= self.destination.RetryParked then
    self.lastParkedRetry = self.clock
    self.parking:retryAll(self.destination.LargestMegabytes)
  end
  if self.parkedJobs > 0 or self:freeJobs() <= 0 or not self.hours:maySend() then return end
  local id = self.parking:nextRetry()
  if not id or not self.parking.forced[id] and self.clock < (self.retried[id] or 0) then return end
  local chunk = chunks.single(id, 'parked')
  self.retried[id] = self.clock + self:restAfter(chunk)
  self:submit(chunk)
end

-- A failure followed by the success of somebody else speaks against the images of the failed chunk: a strike. A failure
-- followed by another one speaks against the line. The first success after an outage says nothing about either.
function Engine:weigh(success, chunk)
  local convict = success and (not self.breaker:isOpen() or chunk.purpose == 'canary')
  local suspects, canary = {}, success and chunk.purpose == 'canary'
  for _, other in ipairs(self.window.list) do
    if other.suspect and other ~= chunk then
      other.suspect = false
      if convict then suspects[#suspects + 1] = other end
    end
  end
  for _, other in ipairs(suspects) do
    other.strikes = other.strikes + 1
    self:judge(other, canary)
  end
end

-- Halves a chunk that does not pass, or parks its only image. canary: on the word of one.
function Engine:judge(chunk, canary)
  if chunk.done or chunk.job then return end
  if #chunk.ids > 1 then
    if chunk.strikes >= HALVE_AFTER then self.window:replace(chunk, chunks.halve(chunk)) end
  elseif chunk.strikes >= self.destination.ParkAfter and (not canary or self:areFew()) then
    if self:park(chunk, chunk.reason) and canary then self.convicted = self.convicted + 1 end
  end
end

function Engine:passed(chunk)
  if chunk.purpose == 'pulse' then
    self.pulse = false
    return self:pulsed()
  end
  self:weigh(true, chunk)
  self.breaker:success(self.clock)
  if chunk.purpose == 'canary' then
    self.canaries = self.canaries + 1
    return
  end
  self:revived()
  self:remember(chunk)
  self.lastSuccess, self.lastError = self.now(), ''
  self.canaries, self.convicted = 0, 0
  self.sent = self.sent + #chunk.ids
  if chunk.purpose == 'parked' then
    self.retried[chunk.ids[1]] = nil
    return self.parking:release(chunk.ids[1])
  end
  self.window:settle(chunk)
  for _, other in ipairs(self.window.list) do
    if not other.done and other.strikes == 0 then other.notBefore = 0 end
  end
end

-- limit: see parking.lua. Returns false when Orthanc's database did not take it; then the image is tried again.
function Engine:park(chunk, reason, limit)
  if not self.parking:park(chunk.ids[1], self.now() .. ' ' .. reason, limit) then return false end
  self.log('image ' .. chunk.ids[1] .. ' is parked, the others go on: ' .. reason)
  self.window:settle(chunk)
  return true
end

-- mayBeLine: the line or the cloud may be the cause; otherwise Orthanc could not even read an image. notImages: these images
-- cannot be the cause. status: of HTTP, where it is known.
function Engine:failed(chunk, reason, mayBeLine, notImages, status)
  self.lastError = reason
  if chunk.purpose == 'pulse' then self.pulse = false end
  if mayBeLine and not notImages then self:accuse(chunk, status) end
  if chunk.purpose == 'parked' then
    self.parking.forced[chunk.ids[1]] = nil
    return   -- expected to fail: says nothing about the line
  end
  if mayBeLine then
    self:weigh(false, chunk)
    local pause = self.breaker:failure(self.clock)
    if pause then self.log('the cloud does not take images (' .. reason .. '); next attempt in ' .. pause .. ' s') end
  end
  if chunk.purpose then return end
  chunk.failures = chunk.failures + 1
  chunk.notBefore = self.clock + self.breaker:delay(chunk.failures)
  chunk.suspect, chunk.reason = not notImages, reason
  if not mayBeLine then
    if #chunk.ids > 1 then
      chunk.strikes = chunk.strikes + 1
    elseif not self.orthanc.isReadable(chunk.ids[1]) then
      return self:park(chunk, 'its file on the gateway cannot be read or is damaged (' .. reason .. ')')
    end
  end
  self:judge(chunk)
end

-- The chunk is in no job any more.
function Engine:detach(job)
  local chunk = self.jobs[job]
  self.jobs[job], chunk.job = nil, nil
  self.inFlight, self.weight = self.inFlight - 1, self.weight - chunk.weight
  if self.suspect == chunk then self.suspect = nil end
  if chunk.purpose == 'parked' then self.parkedJobs = self.parkedJobs - 1 end
  return chunk
end

-- A job has ended. Returns false when it is not a job of this destination.
function Engine:finished(job, success)
  if self.stuck[job] then
    self.stuck[job] = nil
    self.stuckCount = self.stuckCount - 1
  elseif self.jobs[job] then
    local chunk = self:detach(job)
    if success then
      self:passed(chunk)
    else
      local _, reason, mayBeLine = self.orthanc.job(job)
      local status, name = self.journal:httpStatus(job)
      if status then reason = string.format('HTTP status %d (%s)', status, name) end
      self:failed(chunk, reason or 'unknown error', mayBeLine, false, status)
    end
  else
    return false
  end
  self:pump()
  return true
end

-- atOnce: nobody can say when the next turn will be.
function Engine:publish(atOnce)
  local age = self.clock - self.lastPublished
  if age < PUBLISH_EVERY and not atOnce then return end
  local fields = MediverseForwarder.status.fields(self, function(value) return DumpJson(value, true) end)
  if age < PUBLISH_IDLE and MediverseForwarder.status.same(fields, self.published) then return end
  self.published, self.lastPublished = fields, self.clock
  local sent = { Updated = self.now() }
  for key, value in pairs(fields) do sent[key] = value end
  self.orthanc.publish(MediverseForwarder.status.name(self.destination.Peer), sent)
end

-- A turn. seconds: since the last one. standIn: another event than the heartbeat brought it.
function Engine:tick(seconds, standIn)
  self.clock = self.clock + seconds
  self:lookAfterJobs()
  self:lookAfterStuck()
  if self.parking.count > 0 and self.clock - self.lastParkedLook >= PARKED_LOOK then
    self.lastParkedLook = self.clock
    self.parking:dropDeleted()
  end
  self:pump(true)
  self.rate:note(self.clock, self.sent)
  self:publish(standIn and self.inFlight == 0)
end

MediverseForwarder.Engine = Engine
