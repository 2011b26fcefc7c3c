-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Office hours: while people need the line, the forwarder takes no more than a given rate of it, for all destinations together. Pure.
--
-- Orthanc cannot slow a transfer down, so whole jobs are spaced by their bytes: credit grows with time, a job may start while there
-- is some, and takes off what its images weigh. On average the rate holds exactly; for a moment a job goes at the speed of the line.

MediverseForwarder = MediverseForwarder or {}

local Hours = {}
Hours.__index = Hours

local DAYS = { 'sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' }   -- as Lua counts them: 1 is Sunday
local SAVED = 10           -- seconds of the rate that an idle line saves up, at most

-- Minutes since midnight of "07:30"; nil for anything else.
function Hours.minutes(text)
  local hour, minute = tostring(text):match('^(%d%d):(%d%d)$')
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 then return nil end
  return tonumber(hour) * 60 + tonumber(minute)
end

function Hours.isDay(name)
  for _, day in ipairs(DAYS) do if day == name then return true end end
  return false
end

-- rules: {From, To, Mbit, Days} as checked by settings.lua; nil means that there are no office hours.
function Hours.new(rules)
  local self = setmetatable({ on = false, credit = 0 }, Hours)
  if rules then
    self.from, self.to, self.rate, self.days = Hours.minutes(rules.From), Hours.minutes(rules.To), rules.Mbit * 125000, {}
    for _, day in ipairs(#rules.Days > 0 and rules.Days or DAYS) do self.days[day] = true end
  end
  return self
end

-- moment: {hour, min, wday} in the time of the place. Hours over midnight belong to the day on which they begin.
function Hours:covers(moment)
  if not self.rate then return false end
  local minute, today, yesterday = moment.hour * 60 + moment.min, DAYS[moment.wday], DAYS[(moment.wday + 5) % 7 + 1]
  if self.from < self.to then return self.days[today] == true and minute >= self.from and minute < self.to end
  return self.days[today] == true and minute >= self.from or self.days[yesterday] == true and minute < self.to
end

-- seconds: since the last call.
function Hours:tick(seconds, moment)
  self.on = self:covers(moment)
  self.credit = self.on and math.min(self.credit + seconds * self.rate, SAVED * self.rate) or 0
end

function Hours:maySend() return not self.on or self.credit > 0 end

function Hours:spend(bytes) self.credit = self.credit - bytes end

MediverseForwarder.Hours = Hours
