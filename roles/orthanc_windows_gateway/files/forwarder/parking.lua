-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Parked images: those that do not pass although others do. Each has a label, which Orthanc indexes and shows, and a reason.

MediverseForwarder = MediverseForwarder or {}

local Parking = {}
Parking.__index = Parking

local LABEL = 'forward-failed'
local AT_MOST = 1000       -- parked images looked up at once

-- memory and orthanc: the tables of memory.lua and orthanc.lua, or stand-ins.
function Parking.new(peer, memory, orthanc)
  local self = setmetatable({ peer = peer, memory = memory, orthanc = orthanc, reasons = {}, count = 0, queue = {} }, Parking)
  self:reload()
  return self
end

function Parking:key(id) return 'parked/' .. self.peer .. '/' .. id end

-- Takes over what earlier runs parked; images deleted meanwhile disappear by themselves.
function Parking:reload()
  self.reasons, self.count = {}, 0
  for _, id in ipairs(self.orthanc.labelled(LABEL, AT_MOST)) do
    local reason = self.memory.read(self:key(id))
    if reason then
      self.reasons[id] = reason
      self.count = self.count + 1
    end
  end
end

-- The reason is written before the label: a label without a reason would belong to nobody.
function Parking:park(id, reason)
  if not self.reasons[id] then self.count = self.count + 1 end
  self.reasons[id] = reason
  self.memory.write(self:key(id), reason)
  self.orthanc.label(id, LABEL)
end

function Parking:release(id)
  if self.reasons[id] then self.count = self.count - 1 end
  self.reasons[id] = nil
  self.orthanc.unlabel(id, LABEL)
  self.memory.forget(self:key(id))
end

-- Asked of the memory and not of the list, which is bounded.
function Parking:holds(id) return self.memory.read(self:key(id)) ~= nil end

-- Puts all parked images in the queue for another attempt.
function Parking:retryAll()
  self:reload()
  self.queue = {}
  for id in pairs(self.reasons) do self.queue[#self.queue + 1] = id end
end

function Parking:nextRetry() return table.remove(self.queue) end

-- Up to `limit` pairs {ID, Reason}.
function Parking:list(limit)
  local result = {}
  for id, reason in pairs(self.reasons) do
    if #result >= limit then break end
    result[#result + 1] = { ID = id, Reason = reason }
  end
  return result
end

MediverseForwarder.Parking = Parking
