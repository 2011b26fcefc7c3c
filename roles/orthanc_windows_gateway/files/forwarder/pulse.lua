-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The pulse: how much time passes between the turns of the forwarder, and whether the heartbeat still comes. Pure.
--
-- Orthanc's heartbeat waits for a moment on the clock of the PC. When the clock is set back, that moment moves away and the
-- heartbeat stays out until the clock has caught up, for hours perhaps. Until then other events of Orthanc stand in for it: a job
-- that ends, a request to the REST API, which a task of the PC makes every minute. While the heartbeat comes, they cost a
-- comparison of two numbers.

MediverseForwarder = MediverseForwarder or {}

local Pulse = {}
Pulse.__index = Pulse

local AWAY = 3       -- periods after which a heartbeat counts as missing
local LONGEST = 150  -- seconds between two turns, with one request of the PC's task missed; what looks longer is a clock that was moved

-- period: seconds between heartbeats. wall: the time of the PC in seconds.
function Pulse.new(period, wall)
  return setmetatable({ period = period, beat = wall, turn = wall }, Pulse)
end

function Pulse:heard(wall) self.beat = wall end

function Pulse:isMissing(wall)
  local since = wall - self.beat
  return since < 0 or since > AWAY * self.period
end

-- Seconds since the last turn; one period when the clock was moved meanwhile.
function Pulse:passed(wall)
  local seconds = wall - self.turn
  self.turn = wall
  return seconds >= 0 and seconds <= LONGEST and seconds or self.period
end

MediverseForwarder.Pulse = Pulse
