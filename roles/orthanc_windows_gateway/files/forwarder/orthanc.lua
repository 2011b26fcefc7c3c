-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Orthanc's own REST API, as far as the forwarder uses it. Calls are made in the process; each returns nil when Orthanc refuses.

MediverseForwarder = MediverseForwarder or {}

local orthanc = {}

local NETWORK = 9          -- error code of a job that failed on the line or at the peer

-- The last argument `false` makes the routes of plugins reachable as well.
local function answer(call, ...)
  local ok, text = pcall(call, ...)
  if not ok or text == nil then return nil end
  if text == '' then return {} end
  local parsed, value = pcall(ParseJson, text)
  if parsed and value ~= nil then return value end
  return {}
end

function orthanc.get(uri) return answer(RestApiGet, uri, false) end
function orthanc.post(uri, body) return answer(RestApiPost, uri, body and DumpJson(body) or '', false) end
function orthanc.put(uri, body) return answer(RestApiPut, uri, body, false) end
function orthanc.delete(uri) return answer(RestApiDelete, uri, false) end

-- Rows of newly stored images after the given one, oldest first.
function orthanc.newImages(since, limit)
  local page = orthanc.get(string.format('/changes?type=NewInstance&since=%d&limit=%d', since, limit))
  return page and page.Changes or {}
end

function orthanc.answers()
  return orthanc.get('/changes?last') ~= nil and orthanc.labelled('none') ~= nil
end

function orthanc.lastChange()
  local page = orthanc.get('/changes?last')
  return page and page.Last and math.floor(page.Last) or 0
end

function orthanc.changeAt(seq)
  local page = orthanc.get(string.format('/changes?since=%d&limit=1', seq - 1))
  return page and page.Changes and page.Changes[1]
end

local function described(ids, metadata)
  local ok, text = pcall(RestApiPost, '/tools/bulk-content', DumpJson({ Resources = ids, Level = 'Instance', Metadata = metadata }), false)
  if not ok or type(text) ~= 'string' or not text:match('^%s*%[') then return nil end
  local parsed, list = pcall(ParseJson, text)
  return parsed and type(list) == 'table' and list or nil
end

-- Which of these images Orthanc has, as a set; nil when it did not answer. "Not found" and "the database failed" look the same to
-- GET /instances/<id> from Lua, so the question is one whose answer is a list: whoever is missing from a whole list is deleted.
function orthanc.present(ids)
  local list = described(ids, false)
  if not list then return nil end
  local found = {}
  for _, image in ipairs(list) do found[image.ID] = true end
  return found
end

-- Of an image that Orthanc has: its UID, and the scanner that it is from. Nil when Orthanc does not have it, or does not say.
function orthanc.arrival(id)
  local image = (described({ id }, true) or {})[1]
  if not image then return nil end
  local tags, metadata = image.MainDicomTags or {}, image.Metadata or {}
  return { Uid = tags.SOPInstanceUID or '', Aet = metadata.RemoteAET or '', Address = metadata.RemoteIP or '' }
end

-- Removes an image from this Orthanc.
function orthanc.remove(id) return orthanc.delete('/instances/' .. id) ~= nil end

-- The image's file reads back as it was written. Reads the whole file: only for one suspect at a time.
function orthanc.isReadable(id) return orthanc.post('/instances/' .. id .. '/attachments/dicom/verify-md5') ~= nil end

-- Where an image came from: {Origin, HttpUsername, RemoteAET}; nil when Orthanc does not say.
function orthanc.origin(id) return orthanc.get('/instances/' .. id .. '/metadata?expand') end

function orthanc.knowsPeer(peer) return orthanc.get('/peers/' .. peer .. '/configuration') ~= nil end

-- Starts one job that sends these images. Returns its id, or nil when Orthanc refuses (an image or the peer is not there).
function orthanc.send(destination, ids)
  local body = { Resources = ids, Asynchronous = true, Compress = destination.Compress }
  if destination.Transcode ~= '' then body.Transcode = destination.Transcode end
  local job = orthanc.post('/peers/' .. destination.Peer .. '/store', body)
  return job and job.ID
end

-- Bytes of the image's file; 0 when Orthanc does not say.
function orthanc.size(id)
  local ok, text = pcall(RestApiGet, '/instances/' .. id .. '/attachments/dicom/size', false)
  return ok and tonumber(text) or 0
end

-- 'waiting', 'running', 'success', 'failure' or 'gone'. With 'running' the images done so far, as a number that only grows; with a
-- failure its reason, and whether the line or the peer may be the cause.
function orthanc.job(id)
  local job = orthanc.get('/jobs/' .. id)
  if not job or not job.State then return 'gone', 'the job is not in the history of Orthanc any more', true end
  if job.State == 'Success' then return 'success' end
  if job.State == 'Running' then return 'running', job.Progress end
  if job.State ~= 'Failure' then return 'waiting' end
  local reason = tostring(job.ErrorDescription or 'unknown error')
  if job.ErrorDetails and job.ErrorDetails ~= '' then reason = reason .. ': ' .. job.ErrorDetails end
  return 'failure', reason, job.ErrorCode == NETWORK
end

function orthanc.cancel(id) return orthanc.post('/jobs/' .. id .. '/cancel') end

function orthanc.cancelOldSends()
  for _, job in ipairs(orthanc.get('/jobs?expand') or {}) do
    local unfinished = job.State == 'Pending' or job.State == 'Running' or job.State == 'Retry' or job.State == 'Paused'
    if unfinished and job.Type == 'OrthancPeerStore' then orthanc.cancel(job.ID) end
  end
end

function orthanc.label(id, label) return orthanc.put('/instances/' .. id .. '/labels/' .. label, '') end
function orthanc.unlabel(id, label) return orthanc.delete('/instances/' .. id .. '/labels/' .. label) end

-- The images with this label; nil when Orthanc does not say.
function orthanc.labelled(label)
  return orthanc.post('/tools/find', { Level = 'Instance', Query = { PatientID = '*' }, Labels = { label } })
end

-- Keeps a text table where the REST API shows it: GET /peers/<name>/configuration.
function orthanc.publish(name, fields) return orthanc.put('/peers/' .. name, DumpJson(fields)) end

MediverseForwarder.orthanc = orthanc
