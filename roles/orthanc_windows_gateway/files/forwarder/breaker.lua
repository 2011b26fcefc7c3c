-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The breaker: decides when the cloud counts as unreachable, and how long to wait before the next attempt. Pure.
--
-- Time is the number of seconds that the heartbeat has counted, not the clock of the PC, which may jump.

MediverseForwarder = MediverseForwarder or {}

local Breaker = {}
Breaker.__index = Breaker

local QUIET = 5            -- seconds without a success before failures count as an outage
local ENOUGH = 2           -- failures since the last success

-- longest: seconds of the longest pause. random: a function like math.random, in [0, 1).
function Breaker.new(longest, random)
  return setmetatable({ longest = longest, random = random, attempts = 0, failures = 0, pauseUntil = 0, lastSuccess = -QUIET }, Breaker)
end

-- Seconds to wait after the given number of failures: 1, 2, 4 ... up to the longest, a quarter more or less by chance, so
-- that many gateways do not return to a recovered cloud at the same moment.
function Breaker:delay(failures)
  local plain = math.min(self.longest, 2 ^ math.min(failures - 1, 12))
  return math.max(1, math.floor(plain * (0.75 + self.random() * 0.5) + 0.5))
end

function Breaker:isOpen() return self.attempts > 0 end

function Breaker:isPaused(now) return now < self.pauseUntil end

function Breaker:success(now)
  self.attempts, self.failures, self.pauseUntil, self.lastSuccess = 0, 0, 0, now
end

-- A failure that the line or the cloud may have caused. Returns the length of the pause when one begins.
function Breaker:failure(now)
  self.failures = self.failures + 1
  if self.failures < ENOUGH or now - self.lastSuccess < QUIET or self:isPaused(now) then return nil end
  self.attempts = self.attempts + 1
  local pause = self:delay(self.attempts)
  self.pauseUntil = now + pause
  return pause
end

MediverseForwarder.Breaker = Breaker
