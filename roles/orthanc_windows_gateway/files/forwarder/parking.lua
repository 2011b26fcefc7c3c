-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Parked images: those that do not pass although others do. Each has a label, which Orthanc indexes and shows, and a reason.

MediverseForwarder = MediverseForwarder or {}

local Parking = {}
Parking.__index = Parking

local LABEL = 'forward-failed'   -- one for all destinations

-- peers: names of all destinations, of which `peer` is one. memory and orthanc: the tables of memory.lua and orthanc.lua, or stand-ins.
function Parking.new(peer, peers, memory, orthanc)
  local self = setmetatable({ peer = peer, peers = peers, memory = memory, orthanc = orthanc, reasons = {}, count = 0, queue = {} }, Parking)
  self:reload()
  return self
end

local function key(peer, id) return 'parked/' .. peer .. '/' .. id end
local function listKey(peer) return 'parked/' .. peer end

-- Takes over what earlier runs parked; images deleted meanwhile leave with their next attempt. Without an answer nothing changes.
-- An image that lost its label, because somebody removed it, gets it again: it is not delivered yet.
function Parking:reload()
  local labelled = self.orthanc.labelled(LABEL)
  self.loaded = labelled ~= nil
  if not labelled then return end
  local known, hasLabel = self.reasons, {}
  self.reasons, self.count = {}, 0
  local function take(id)
    local reason = self.memory.read(key(self.peer, id)) or known[id]
    if reason then self:note(id, reason) end
    return reason
  end
  for _, id in ipairs(labelled) do
    hasLabel[id] = true
    take(id)
  end
  for id in (self.memory.read(listKey(self.peer)) or ''):gmatch('%S+') do
    if not hasLabel[id] and take(id) then self.orthanc.label(id, LABEL) end
  end
end

-- Keeps which images are parked, for those whose label is removed.
function Parking:save()
  local ids = {}
  for id in pairs(self.reasons) do ids[#ids + 1] = id end
  if #ids == 0 then return self.memory.forget(listKey(self.peer)) end
  table.sort(ids)
  self.memory.write(listKey(self.peer), table.concat(ids, ' '))
end

function Parking:note(id, reason)
  if not self.reasons[id] then self.count = self.count + 1 end
  self.reasons[id] = reason
end

-- The reason is written before the label: a label without a reason would belong to nobody. Returns false when Orthanc's database
-- does not take both: the image would be forgotten at the next start, so it is not parked.
function Parking:park(id, reason)
  self.memory.write(key(self.peer, id), reason)
  if self.memory.read(key(self.peer, id)) ~= reason or not self.orthanc.label(id, LABEL) then
    self.memory.forget(key(self.peer, id))
    return false
  end
  self:note(id, reason)
  self:save()
  return true
end

-- The label goes with the last destination for which the image was parked.
function Parking:release(id)
  if self.reasons[id] then self.count = self.count - 1 end
  self.reasons[id] = nil
  self.memory.forget(key(self.peer, id))
  self:save()
  for _, peer in ipairs(self.peers) do
    if self.memory.read(key(peer, id)) then return end
  end
  self.orthanc.unlabel(id, LABEL)
end

-- Parked, or not known for certain not to be.
function Parking:holds(id)
  return not self.loaded or self.reasons[id] ~= nil or self.memory.read(key(self.peer, id)) ~= nil
end

-- For a destination that is not served any more.
function Parking:releaseAll()
  for _, id in ipairs(self:list(math.maxinteger)) do self:release(id.ID) end
end

-- Puts all parked images in the queue for another attempt; not before those of the last time have had theirs.
function Parking:retryAll()
  if #self.queue > 0 then return end
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
