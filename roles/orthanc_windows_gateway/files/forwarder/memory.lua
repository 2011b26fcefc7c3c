-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What must survive a crash: the cursor of each destination, and why an image is parked.
--
-- Orthanc 1.13 keeps key-value pairs in its own database: after a power cut the cursor goes back together with the change log.
-- Without them two files take turns. A torn file is recognised by its missing end mark, and an old one only costs sending
-- some images again; nothing is renamed, because Windows does not replace a file that exists.

MediverseForwarder = MediverseForwarder or {}

local STORE = 'mediverse-forwarder'

local database = { besideTheLog = true }   -- part of the same transactions as the change log

function database.read(key) return GetKeyValue(STORE, key) end
function database.write(key, value) StoreKeyValue(STORE, key, value) end
function database.forget(key) DeleteKeyValue(STORE, key) end

local function fileSlots(directory)
  local files, generations = {}, {}

  local function path(key, slot)
    return directory .. '/' .. key:gsub('[^%w_-]', '_') .. '.' .. slot
  end

  local function slot(key, number)
    local file = io.open(path(key, number), 'r')
    if not file then return nil end
    local text = file:read('*a')
    file:close()
    local generation, value = text:match('^(%d+) (.*) end\n$')
    if generation then return { generation = tonumber(generation), value = value } end
  end

  function files.read(key)
    local first, second = slot(key, 1), slot(key, 2)
    local newest = first
    if second and (not first or second.generation > first.generation) then newest = second end
    generations[key] = newest and newest.generation or 0
    return newest and newest.value ~= '' and newest.value or nil
  end

  function files.write(key, value)
    if not generations[key] then files.read(key) end
    local generation = generations[key] + 1
    local file, reason = io.open(path(key, generation % 2 + 1), 'w')
    if not file then error('cannot write the state of the forwarder: ' .. tostring(reason)) end
    file:write(string.format('%d %s end\n', generation, value))
    file:close()
    generations[key] = generation
  end

  function files.forget(key) files.write(key, '') end

  return files
end

-- directory: used only where Orthanc has no key-value store. Returns {read(key), write(key, value),
-- forget(key)} and a word for the log.
function MediverseForwarder.memory(directory)
  if type(StoreKeyValue) == 'function' then return database, 'in the database' end
  if directory == '' then error('this Orthanc has no key-value store (1.13 or newer is needed) and StateDirectory is not set') end
  return fileSlots(directory), 'in files of ' .. directory
end
