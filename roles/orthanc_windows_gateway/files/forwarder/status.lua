-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The state of a destination as text fields, for whoever asks over REST: GET /peers/<peer>-status/configuration. Pure.
--
-- The exact backlog is Pending plus the number of rows of GET /changes?type=NewInstance&since=<Read>.

MediverseForwarder = MediverseForwarder or {}

local status = {}

local SHOWN = 20           -- parked images listed with their reason

function status.name(peer) return peer .. '-status' end

local function state(engine)
  if engine.breaker:isPaused(engine.clock) then return 'paused' end
  if engine.breaker:isOpen() then return 'probing' end
  if not engine.hours:maySend() then return 'limited' end
  return engine.inFlight > 0 and 'sending' or 'idle'
end

-- engine: see engine.lua. toJson(value) returns text. Every field is a string, because Orthanc keeps nothing else there;
-- one that looks like a fraction would become a number on the way and be refused, hence the unit behind it.
-- `Url` and the credentials are demanded by the place; nobody can be reached there.
function status.fields(engine, toJson)
  local pending, oldest = engine.window:pending()
  local listed = engine.parking:list(SHOWN)
  local function lines(rows) return #rows > 0 and toJson(rows) or '[]' end
  local refused, images = engine.journal:summary('image')
  local rejected, associations = engine.journal:summary('association')
  local replaced, replacements = engine.journal:summary('replaced')
  return {
    Url = 'http://127.0.0.1:1/', Username = '', Password = '',
    Version = '1',
    State = state(engine),
    Cursor = string.format('%d', engine.window.cursor),
    Read = string.format('%d', engine.window.read),
    Pending = string.format('%d', pending),
    OldestPending = oldest,
    JobsInFlight = string.format('%d', engine.inFlight),
    Sent = string.format('%d', engine.sent),
    Rate = string.format('%.1f/s', engine.rate:perSecond()),
    Skipped = string.format('%d', engine.skipped),
    Parked = string.format('%d', engine.parking.count),
    ParkedImages = lines(listed),
    Journal = engine.journal.readable and 'read' or 'unread',
    Refused = string.format('%d', refused),
    RefusedImages = lines(images),
    Rejected = string.format('%d', rejected),
    RejectedAssociations = lines(associations),
    Replaced = string.format('%d', replaced),
    ReplacedImages = lines(replacements),
    LastSuccess = engine.lastSuccess,
    LastError = engine.lastError,
  }
end

-- True when nothing but the time of publishing differs.
function status.same(left, right)
  if not left or not right then return false end
  for key, value in pairs(left) do if right[key] ~= value then return false end end
  return true
end

MediverseForwarder.status = status
