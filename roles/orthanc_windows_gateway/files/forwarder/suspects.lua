-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Suspects: images that may be the reason why the line broke, and images that are too large for the cloud. Part of the engine.
--
-- An image that kills the cloud looks like an outage: everything that was under way fails, and passes later; only it never does. So
-- whoever was under way when the line broke is remembered. After the second time it is a suspect: one suspect at a time is under way,
-- and when the line breaks then, no other is blamed. After two more times the image is set aside and held: no hourly attempt, which
-- would be one more dead cloud. At most four in all, for an image that travels alone.
--
-- Whether the line broke, or the cloud refused one image, is asked of the cloud with an image that it has: the pulse. One that
-- passes at once says that the cloud lives.

local Engine, chunks = MediverseForwarder.Engine, MediverseForwarder.chunks

local SUSPECT_AFTER, GUILTY_AFTER = 2, 2
local ALONE = 67108864     -- bytes: an image of this size shares its job with no other, so that nobody else is blamed for it
local SMALL = 8388608      -- bytes of an image that may stand for the line at any time
local TOO_LARGE = 413      -- HTTP status
local STEADY = 15          -- seconds for which the line must have been well before a suspect goes
local ASK_EVERY = 2        -- seconds between two pulses

local function megabytes(bytes) return string.format('%.0f MB', bytes / 1048576) end

function Engine.isSuspect(_, chunk) return chunk.breaks >= SUSPECT_AFTER end

-- False for those that were under way when the cloud died, until it lives again, for one that waits for the word of a pulse, and for
-- suspects, which go by themselves.
function Engine:mayGo(chunk)
  if chunk.accused and (self.dead or self.pulse) or self.pulse and self.doubted == chunk then return false end
  return not self:isSuspect(chunk)
end

function Engine:ask()
  self.asked, self.pulse, self.askedAt = true, true, self.clock
  self:submit(chunks.single(self.lastPassed, 'pulse'))
end

-- While the cloud is dead and the breaker has not noticed.
function Engine:askAgain()
  if self.dead and not self.pulse and self.lastPassed and self.clock - self.askedAt >= ASK_EVERY and self:freeJobs() > 0 then self:ask() end
end

-- A suspect goes when no other one is under way, the line has been well for some seconds, and a pulse has just passed: on a line that
-- breaks often there are many suspects, and none of them is to blame.
function Engine:trySuspect(ready)
  if self.suspect or self.dead or self.pulse or self.clock - self.revivedAt < STEADY or self.clock - self.askedAt < ASK_EVERY then return end
  for _, chunk in ipairs(ready) do
    if self:isSuspect(chunk) and not chunk.done and not chunk.job and self:freeJobs() > 0 then
      if not self.lastPassed then return self:submit(chunk) end
      self.candidate = chunk
      return self:ask()
    end
  end
end

-- While the cloud looks dead: the turn of a pulse? Every other attempt; nearly all when nobody waits who was not under way when it died.
function Engine:isPulseTurn()
  self.probes = self.probes + 1
  if not self.dead or not self.lastPassed then return false end
  local chunk = self.window:leastRecentlyTried()
  local harmless = chunk and not chunk.accused and not self:isSuspect(chunk)
  return self.probes % (harmless and 2 or 6) ~= 0
end

-- Keeps the smallest image of what passed for later questions, unless it is large and there is another one.
function Engine:remember(chunk)
  if not self.lastPassed or (chunk.smallestSize or 0) <= SMALL then self.lastPassed = chunk.smallest or chunk.ids[#chunk.ids] end
  self.largestPassed = math.max(self.largestPassed, chunk.largest or 0)
end

-- Splits and holds what must not go as it is. Returns true when nothing is left to send of this chunk now.
function Engine:sift(chunk)
  local most, id = self.destination.LargestMegabytes, chunk.ids[1]
  local tooLarge = most > 0 and chunk.largest > most * 1048576
  if chunk.purpose == 'parked' and tooLarge and not self.parking.forced[id] then self.parking:hold(id, most) end
  if chunk.purpose then return chunk.purpose == 'parked' and self.parking:isHeld(id, most) end
  if #chunk.ids > 1 then
    if tooLarge or chunk.largest >= ALONE then
      self.window:replace(chunk, chunks.halve(chunk, chunk.strikes))
      return true
    end
  elseif tooLarge then
    return self:hold(chunk, string.format('it has %s, and the cloud takes up to %d MB', megabytes(chunk.largest), most), most)
  elseif chunk.guilt >= GUILTY_AFTER then
    return self:hold(chunk, string.format('the line or the cloud broke %d times while it was under way, the last %d times as the only suspect',
      chunk.breaks + chunk.guilt, chunk.guilt), 0)
  end
  return false
end

-- Parks an image that is not tried again before somebody releases it, or before the limit is another one. It is not sent, in any case.
function Engine:hold(chunk, reason, limit)
  if not self:park(chunk, reason .. '; it is held until it gets the label ' .. MediverseForwarder.AGAIN, limit) then
    self:failed(chunk, 'the database of Orthanc does not answer', true, true)
  end
  return true
end

-- A chunk failed, perhaps because of the line. status: of HTTP, where it is known.
function Engine:accuse(chunk, status)
  self.failing = true
  if chunk.purpose == 'pulse' then
    self.dead, self.doubted, self.candidate = true, nil, nil
    return
  end
  if chunk.calm then self.accused[#self.accused + 1], chunk.accused = chunk, true end
  local doubt = status == TOO_LARGE and not chunk.purpose and #chunk.ids == 1 and chunk.largest > self.largestPassed
  if doubt then self.doubted = chunk end
  if (doubt or not self.asked) and not self.pulse and self.lastPassed and self:freeJobs() > 0 and not self.breaker:isPaused(self.clock) then
    self:ask()
  end
end

-- A pulse passed. After a failed one it says that the line is back.
function Engine:pulsed()
  local doubted, candidate = self.doubted, self.candidate
  self.doubted, self.candidate = nil, nil
  if self.dead then
    self:revived()
    self.breaker:success(self.clock)
    return
  end
  for _, other in ipairs(self.accused) do other.accused = nil end
  self.accused = {}
  if doubted and not doubted.done and not doubted.job then
    self:park(doubted, string.format('the cloud finds it too large (HTTP status %d, %s)', TOO_LARGE, megabytes(doubted.largest)))
  elseif candidate and not candidate.done and not candidate.job and not self.breaker:isOpen() then
    self.failing, self.asked = false, false
    self:submit(candidate)
  end
end

-- Something passed after failures: if the cloud was dead in between, those under way when it died are blamed.
function Engine:revived()
  if not self.failing or self.pulse and not self.dead then return end   -- a pulse under way will tell
  local accused, blamed = self.accused, nil
  self.accused, self.failing, self.asked = {}, false, false
  for _, chunk in ipairs(accused) do
    chunk.accused = nil
    if self:isSuspect(chunk) then blamed = chunk end
  end
  if not self.dead then return end
  self.dead, self.revivedAt = false, self.clock
  for _, chunk in ipairs(blamed and { blamed } or accused) do self:blame(chunk) end
end

function Engine:blame(chunk)
  if chunk.done then return end
  if chunk.purpose then
    if chunk.purpose == 'parked' and self.parking:blame(chunk.ids[1]) >= GUILTY_AFTER then self.parking:hold(chunk.ids[1], 0) end
  elseif not self:isSuspect(chunk) then
    chunk.breaks = chunk.breaks + 1
  elseif #chunk.ids > 1 and not chunk.job then
    self.window:replace(chunk, chunks.halve(chunk))
  else
    chunk.guilt = chunk.guilt + 1
  end
end
