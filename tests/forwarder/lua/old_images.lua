-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- For a test on a real server: images look two days older to local retention, and it does not wait an hour between two passes.

local Retention = MediverseForwarder.Retention
local seconds, tick = Retention.seconds, Retention.tick

function Retention.seconds(text)
  local found = seconds(text)
  return found and found - 2 * 86400
end

function Retention:tick(passed)
  if not self.read then self.nextPass = 0 end
  tick(self, passed)
end
