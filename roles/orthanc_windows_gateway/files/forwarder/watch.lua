-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The watch over jobs under way: the part of the engine that notices what Orthanc does not announce.
--
-- A line can forget a connection in silence; then a request waits for an answer that never comes, until the peer's timeout. That
-- timeout is for a whole image and must let the largest one pass on the slowest line, so it is long. The watch is shorter: it
-- knows how large the images of a job are, and when the last one passed.

local Engine = MediverseForwarder.Engine

local LOOK = 15            -- seconds between looks at a job under way
local SLOWEST = 250000     -- bytes a second: a line that is slower than this 2 Mbit/s is a dead one

-- Jobs that may be started now. One that was given up keeps a thread of Orthanc until the peer's timeout; as many of them as
-- jobs have threads in reserve. Orthanc holds the image that a job is sending in memory, and all of them share the line: so
-- large images count by their size, and the largest go one by one.
function Engine:freeJobs()
  if self.weight >= self.destination.InFlightMegabytes * 1048576 then return 0 end
  local jobs = self.destination.Jobs
  return math.min(jobs, 2 * jobs - self.stuckCount) - self.inFlight
end

-- Bytes of all images of a chunk, and of the largest one. They change only when images are taken out.
function Engine:bytes(chunk)
  if chunk.measured ~= #chunk.ids then
    local total, largest, smallest = 0, 0, math.huge
    for _, id in ipairs(chunk.ids) do
      local size = self.orthanc.size(id)
      total, largest = total + size, math.max(largest, size)
      if size < smallest then smallest, chunk.smallest = size, id end
    end
    chunk.total, chunk.largest, chunk.smallestSize = total, largest, smallest
    chunk.measured = smallest > 0 and #chunk.ids or nil   -- a size that Orthanc did not say is asked again
  end
  return chunk.total, chunk.largest
end

-- Seconds that a job may go without finishing an image: the longer, the larger its largest one, when as many jobs as may be under way
-- with images of that size share the slowest line.
function Engine:patience(chunk)
  local _, largest = self:bytes(chunk)
  local sharing = math.min(self.destination.Jobs, self.destination.InFlightMegabytes * 1048576 // math.max(largest, 1) + 1)
  return self.destination.JobPatience + largest * sharing // SLOWEST
end

-- Seconds for which a parked image rests although it is its turn: attempts take a twentieth of the slowest line at most.
function Engine:restAfter(chunk)
  local _, largest = self:bytes(chunk)
  local rest = 20 * largest // SLOWEST
  return rest > self.destination.RetryParked and rest or 0
end

-- Gives up a job that stands still, as it does when the line forgot its connection and the cloud's answer will never come.
-- Orthanc ends it only at the peer's timeout, which must be long enough for the largest image on the slowest line.
function Engine:giveUp(job)
  local chunk = self:detach(job)
  self.orthanc.cancel(job)
  self.stuck[job], self.stuckCount = true, self.stuckCount + 1
  local reason = string.format('no image has passed for %d seconds; the job was given up', self.clock - chunk.moved)
  self.log(reason)
  self:failed(chunk, reason, true)
end

-- Looks at jobs under way: one may have ended without an event, or stand still.
function Engine:lookAfterJobs()
  local due = {}
  for job, chunk in pairs(self.jobs) do
    if self.clock - chunk.looked >= LOOK then due[#due + 1] = job end
  end
  for _, job in ipairs(due) do
    local chunk, state, progress = self.jobs[job], self.orthanc.job(job)
    chunk.looked = self.clock
    if state ~= 'running' and state ~= 'waiting' then
      self:finished(job, state == 'success')
    elseif state == 'waiting' or progress ~= chunk.progress then
      chunk.progress, chunk.moved = progress, self.clock
    else
      local still = self.clock - chunk.moved
      if still >= self.destination.JobPatience and still >= self:patience(chunk) then self:giveUp(job) end
    end
  end
end

-- Jobs that were given up and have ended without an event.
function Engine:lookAfterStuck()
  if self.stuckCount == 0 or self.clock - self.lastStuckLook < LOOK then return end
  self.lastStuckLook = self.clock
  local ended = {}
  for job in pairs(self.stuck) do
    local state = self.orthanc.job(job)
    if state ~= 'running' and state ~= 'waiting' then ended[#ended + 1] = job end
  end
  for _, job in ipairs(ended) do self:finished(job, false) end
end
