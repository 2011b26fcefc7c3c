-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Chunks: pieces of Orthanc's change log, the unit of sending. Pure.
--
-- A chunk holds the images of consecutive rows, {ids = {...}, seqs = {...}}, and closes at the row {last, lastId}: when the
-- chunk and all before it are done, the cursor may stand at `last`. `date` is when its oldest image arrived.

MediverseForwarder = MediverseForwarder or {}

local chunks = {}

-- Counters of a chunk: `strikes` are failures that speak against its images (others passed meanwhile), `failures` all of them;
-- `breaks` and `guilt` belong to suspects.lua.
local function fresh(strikes)
  return { ids = {}, seqs = {}, strikes = strikes or 0, failures = 0, notBefore = 0, lastTry = 0, suspect = false, done = false, breaks = 0, guilt = 0 }
end

local function add(chunk, id, seq)
  chunk.ids[#chunk.ids + 1] = id
  chunk.seqs[#chunk.seqs + 1] = seq
end

-- How many images a chunk should hold: an equal share of what waits for each job, so that all of them end at about the same time
-- and the last images of a study do not queue up in one. waiting: images; where nobody knows, rather too many.
function chunks.size(waiting, jobs, batch, smallest)
  return math.max(smallest, math.min(batch, math.ceil(waiting / jobs)))
end

-- rows: from GET /changes, {Seq, ID, Date}. size: images of a chunk. wanted(row) says false for images to be left out.
-- Returns the chunks and how many rows were left out.
function chunks.cut(rows, size, wanted)
  local result, skipped, chunk = {}, 0, nil
  for _, row in ipairs(rows) do
    if not chunk then
      chunk = fresh()
      chunk.date = row.Date
      result[#result + 1] = chunk
    end
    local seq = math.floor(row.Seq)
    if wanted(row) then add(chunk, row.ID, seq) else skipped = skipped + 1 end
    chunk.last, chunk.lastId = seq, row.ID
    if #chunk.ids >= size then chunk = nil end
  end
  for _, piece in ipairs(result) do piece.done = #piece.ids == 0 end
  return result, skipped
end

-- Two chunks with the same images in the same order; the second closes where the whole did. Each half starts with one
-- strike, so that the next failure halves it again, or with as many as are given.
function chunks.halve(chunk, strikes)
  local first, second = fresh(strikes or 1), fresh(strikes or 1)
  first.breaks, second.breaks = chunk.breaks, chunk.breaks
  local middle = math.floor(#chunk.ids / 2)
  for index, id in ipairs(chunk.ids) do
    add(index <= middle and first or second, id, chunk.seqs[index])
  end
  first.last, first.lastId, first.date = first.seqs[#first.seqs], first.ids[#first.ids], chunk.date
  second.last, second.lastId, second.date = chunk.last, chunk.lastId, chunk.date
  return first, second
end

-- A chunk outside the window, for one image that is sent again: a parked one, or one that is known to pass.
function chunks.single(id, purpose)
  local chunk = fresh()
  add(chunk, id, 0)
  chunk.purpose = purpose
  return chunk
end

-- Leaves out the images that are not in the set `present`. Returns how many went.
function chunks.prune(chunk, present)
  local ids, seqs = chunk.ids, chunk.seqs
  chunk.ids, chunk.seqs = {}, {}
  for index, id in ipairs(ids) do
    if present[id] then add(chunk, id, seqs[index]) end
  end
  return #ids - #chunk.ids
end

MediverseForwarder.chunks = chunks
