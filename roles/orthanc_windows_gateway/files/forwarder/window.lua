-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The window: the chunks between the cursor (all before it is settled) and the last row read. Pure.

MediverseForwarder = MediverseForwarder or {}

local Window = {}
Window.__index = Window

-- cursor: Seq of the last settled row of the change log.
function Window.new(cursor)
  return setmetatable({ list = {}, cursor = cursor, cursorId = '-', read = cursor, open = 0 }, Window)
end

function Window:append(chunk)
  self.list[#self.list + 1] = chunk
  self.read = chunk.last
  if not chunk.done then self.open = self.open + 1 end
end

-- Delivered, parked or gone: nothing is left to do for this chunk.
function Window:settle(chunk)
  if chunk.done then return end
  chunk.done = true
  self.open = self.open - 1
end

function Window:replace(chunk, first, second)
  for index, other in ipairs(self.list) do
    if other == chunk then
      self.list[index] = first
      table.insert(self.list, index + 1, second)
      self.open = self.open + 1
      return
    end
  end
end

-- Moves the cursor over the settled beginning. Returns true when it moved.
function Window:advance()
  local count = 0
  while self.list[count + 1] and self.list[count + 1].done do count = count + 1 end
  if count == 0 then return false end
  self.cursor, self.cursorId = self.list[count].last, self.list[count].lastId
  table.move(self.list, count + 1, #self.list + count, 1)
  return true
end

-- Keeps memory bounded behind one chunk that does not finish: neighbours that are done become one.
function Window:compact()
  local kept = {}
  for _, chunk in ipairs(self.list) do
    local previous = kept[#kept]
    if chunk.done and previous and previous.done then
      kept[#kept] = { done = true, ids = {}, seqs = {}, last = chunk.last, lastId = chunk.lastId }
    else
      kept[#kept + 1] = chunk
    end
  end
  self.list = kept
end

-- Chunks that could be sent at this time, in the order of the log.
function Window:ready(now)
  local result = {}
  for _, chunk in ipairs(self.list) do
    if not chunk.done and not chunk.job and now >= chunk.notBefore then result[#result + 1] = chunk end
  end
  return result
end

-- The waiting chunk whose turn it is as a probe. Never the same one twice while others wait: it may be the one that cannot pass. Those
-- that were under way when the line broke come last.
function Window:leastRecentlyTried()
  local best
  local function before(chunk)
    local left, right = chunk.breaks + (chunk.accused and 1 or 0), best.breaks + (best.accused and 1 or 0)
    if left ~= right then return left < right end
    return chunk.lastTry < best.lastTry
  end
  for _, chunk in ipairs(self.list) do
    if not chunk.done and not chunk.job and (not best or before(chunk)) then best = chunk end
  end
  return best
end

-- True when every unfinished chunk has failed before, so that none of them can tell a dead line from a bad image, and one of them
-- since the last verdict.
function Window:allSuspect()
  local accused = false
  for _, chunk in ipairs(self.list) do
    if not chunk.done and chunk.failures == 0 then return false end
    accused = accused or chunk.suspect and not chunk.done
  end
  return accused
end

-- Number of images not settled yet, and the date of the oldest ('' when there is none).
function Window:pending()
  local images, oldest = 0, ''
  for _, chunk in ipairs(self.list) do
    if not chunk.done then
      images = images + #chunk.ids
      if oldest == '' then oldest = chunk.date or '' end
    end
  end
  return images, oldest
end

MediverseForwarder.Window = Window
