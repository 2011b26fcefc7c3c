-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Parked images: those that do not pass although others do. Each has a label, which Orthanc indexes and shows, and a reason.
-- Most are tried again after a while. Some are held: too large for the cloud, or breaking the line. These go when somebody says so, by
-- a second label, or when the limit that they broke is another one.

MediverseForwarder = MediverseForwarder or {}

local Parking = {}
Parking.__index = Parking

local LABEL = 'forward-failed'   -- one for all destinations
MediverseForwarder.AGAIN = 'forward-again'   -- given by an operator: this one once more, now
local PAGE = 200

-- peers: names of all destinations, of which `peer` is one. memory and orthanc: the tables of memory.lua and orthanc.lua, or stand-ins.
function Parking.new(peer, peers, memory, orthanc)
  local self = setmetatable({ peer = peer, peers = peers, memory = memory, orthanc = orthanc, reasons = {}, count = 0, queue = {}, forced = {}, blames = {} }, Parking)
  self:reload()
  return self
end

local function key(peer, id) return 'parked/' .. peer .. '/' .. id end
local function heldKey(peer, id) return 'held/' .. peer .. '/' .. id end
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
-- does not take both: the image would be forgotten at the next start, so it is not parked. limit: it is held; 0, or the megabytes that
-- it exceeds.
function Parking:park(id, reason, limit)
  if limit then self.memory.write(heldKey(self.peer, id), string.format('%d', limit)) end
  self.memory.write(key(self.peer, id), reason)
  if self.memory.read(key(self.peer, id)) ~= reason or not self.orthanc.label(id, LABEL) then
    self.memory.forget(key(self.peer, id))
    self.memory.forget(heldKey(self.peer, id))
    return false
  end
  self:note(id, reason)
  self:save()
  return true
end

-- The label goes with the last destination for which the image was parked.
function Parking:release(id)
  if self.reasons[id] then self.count = self.count - 1 end
  self.reasons[id], self.forced[id], self.blames[id] = nil, nil, nil
  self.memory.forget(key(self.peer, id))
  self.memory.forget(heldKey(self.peer, id))
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

function Parking:hold(id, limit) self.memory.write(heldKey(self.peer, id), string.format('%d', limit)) end

-- limit: megabytes that an image may have now.
function Parking:isHeld(id, limit)
  local held = tonumber(self.memory.read(heldKey(self.peer, id)))
  return held ~= nil and (held == 0 or held == limit)
end

-- One more time that the line broke while this image was under way. Returns how often it did since Orthanc's start.
function Parking:blame(id)
  self.blames[id] = (self.blames[id] or 0) + 1
  return self.blames[id]
end

-- Puts all parked images that are not held in the queue for another attempt; not before those of the last time have had theirs.
function Parking:retryAll(limit)
  if #self.queue > 0 then return end
  self:reload()
  self.queue = {}
  for id in pairs(self.reasons) do
    if not self:isHeld(id, limit or 0) then self.queue[#self.queue + 1] = id end
  end
end

-- Somebody wants this image tried now, whatever it is parked for. Nothing happens when it is not parked here.
function Parking:again(id)
  if not self.reasons[id] then return end
  if self:isHeld(id, 0) then self.blames[id] = 1 end   -- once more is enough to hold it again
  self.memory.forget(heldKey(self.peer, id))
  self.forced[id] = true
  self.queue[#self.queue + 1] = id
end

function Parking:nextRetry() return table.remove(self.queue) end

-- Forgets parked images that were deleted from the gateway. Without an answer nothing changes.
function Parking:dropDeleted()
  local ids = {}
  for id in pairs(self.reasons) do ids[#ids + 1] = id end
  for first = 1, #ids, PAGE do
    local page = table.move(ids, first, math.min(first + PAGE - 1, #ids), 1, {})
    local present = self.orthanc.present(page)
    for _, id in ipairs(present and page or {}) do
      if not present[id] then self:release(id) end
    end
  end
end

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
