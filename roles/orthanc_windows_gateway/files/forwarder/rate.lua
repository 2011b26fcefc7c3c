-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Images per second during the last minute, from a counter that only grows. Pure.

MediverseForwarder = MediverseForwarder or {}

local Rate = {}
Rate.__index = Rate

-- span: seconds to look back. step: seconds between two samples that are kept, so that memory stays bounded.
function Rate.new(span, step)
  return setmetatable({ span = span, step = step, samples = { { clock = 0, count = 0 } }, clock = 0, count = 0 }, Rate)
end

-- clock: seconds, never going back. count: the counter at that time.
function Rate:note(clock, count)
  self.clock, self.count = clock, count
  local samples = self.samples
  if clock - samples[#samples].clock >= self.step then samples[#samples + 1] = { clock = clock, count = count } end
  while samples[2] and clock - samples[2].clock >= self.span do table.remove(samples, 1) end
end

function Rate:perSecond()
  local first = self.samples[1]
  return (self.count - first.count) / math.max(1, self.clock - first.clock)
end

MediverseForwarder.Rate = Rate
