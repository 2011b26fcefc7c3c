-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Local retention: images leave the gateway when every destination has confirmed them and they are older than a number of days.
-- Nothing here looks at the disk: a full one makes Orthanc refuse new images, and never removes old ones.
--
-- The change log is the list of what may leave, because rows of removed images disappear from it by themselves. So a pass
-- always begins at its start and needs no memory of the one before.

MediverseForwarder = MediverseForwarder or {}

local Retention = {}
Retention.__index = Retention

local PASS_EVERY = 3600    -- seconds between the end of a pass and the next one, and after the start
local STEP_BUSY, STEP_IDLE = 5, 50   -- rows in one heartbeat, while images are being sent and otherwise
local YOUNG_ENOUGH = 1000  -- rows in a sequence that are too young to leave: the rest is younger still
local JUMP, HOLD = 600, 86400   -- seconds: a clock that moves by more is not trusted for a day

-- Seconds since 1970 of Orthanc's dates, 20261123T185602 in UTC; nil for anything else. Pure.
function Retention.seconds(text)
  local year, month, day, hour, minute, second = tostring(text or ''):match('^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)')
  if not year then return nil end
  year, month, day = math.tointeger(tonumber(year)), math.tointeger(tonumber(month)), math.tointeger(tonumber(day))
  -- Days since 1970, with March as the first month of a year, so that the leap day is the last one.
  if month <= 2 then year, month = year - 1, month + 12 end
  local days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
  return days * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
end

-- days: 1 or more. engines: those of all destinations. world: {orthanc, log(text), wall() -> seconds since 1970}.
function Retention.new(days, engines, world)
  return setmetatable({
    days = days, engines = engines, orthanc = world.orthanc, log = world.log, wall = world.wall,
    clock = 0, lastWall = world.wall(), nextPass = PASS_EVERY, read = nil, young = 0, removed = 0,
  }, Retention)
end

-- Confirmed by this destination: its cursor has passed the row, and the image is neither parked nor one that it never sends.
local function confirmedBy(engine, row)
  return row.Seq <= engine.window.cursor and not engine.parking:holds(row.ID) and engine:isWanted(row)
end

function Retention:isConfirmed(row)
  for _, engine in ipairs(self.engines) do
    if not confirmedBy(engine, row) then return false end
  end
  return #self.engines > 0
end

-- The row is still in the log. When a changed image comes again under its old UID, it gets a new row, which is not confirmed.
function Retention:isCurrent(row)
  local now = self.orthanc.changeAt(row.Seq)
  return now ~= nil and now.Seq == row.Seq and now.ID == row.ID
end

function Retention:isOld(row, now)
  local received = Retention.seconds(row.Date)
  return received ~= nil and now - received >= self.days * 86400
end

function Retention:endPass()
  if self.removed > 0 then
    self.log(string.format('%d images, confirmed and older than %d days, left the gateway', self.removed, self.days))
  end
  self.read, self.nextPass = nil, self.clock + PASS_EVERY
end

function Retention:step(now)
  local busy = false
  for _, engine in ipairs(self.engines) do busy = busy or engine.inFlight > 0 end
  local rows = self.orthanc.newImages(self.read, busy and STEP_BUSY or STEP_IDLE)
  for _, row in ipairs(rows) do
    self.read = math.floor(row.Seq)
    if not self:isOld(row, now) then
      self.young = self.young + 1
    else
      self.young = 0
      if self:isConfirmed(row) and self:isCurrent(row) and self.orthanc.remove(row.ID) then self.removed = self.removed + 1 end
    end
  end
  if #rows == 0 or self.young >= YOUNG_ENOUGH then self:endPass() end
end

-- The heartbeat. seconds: since the last one.
function Retention:tick(seconds)
  local now = self.wall()
  self.clock = self.clock + seconds
  if math.abs(now - self.lastWall - seconds) > JUMP then
    self.log('the clock of this computer jumped; no image leaves the gateway for a day')
    self.read, self.nextPass = nil, self.clock + HOLD
  end
  self.lastWall = now
  if not self.read then
    if self.clock < self.nextPass then return end
    self.read, self.young, self.removed = 0, 0, 0
  end
  self:step(now)
end

MediverseForwarder.Retention = Retention
