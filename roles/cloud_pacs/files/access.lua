-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Who may ask Orthanc for what, and from where. Orthanc calls IncomingHttpRequestFilter for every HTTP request of a user whose
-- password was right; false becomes "403 Forbidden". It hands over the real method (HEAD counts as GET, a method override has been
-- applied) and the path without its query, with dots and doubled slashes resolved. What no rule names is refused.
--
-- The section "Mediverse" of the configuration says who is who:
--   "Mediverse": {"Roles": {"<user>": "admin" | "gateway" | "viewer"}, "ViewerMayStore": false}

local settings = GetOrthancConfiguration()["Mediverse"] or {}
local roles = settings["Roles"] or {}

-- The forwarder stores, and asks whether somebody is there. It lists nothing and reads nothing back: a stolen gateway must not be able to.
local GATEWAY = {
  GET = { "^/system$" },
  POST = { "^/instances$" },
}

-- DICOMweb's search and retrieval. The list of other DICOMweb servers lies under the same root and is none of the viewer's business.
local VIEWER = {
  GET = {
    "^/dicom%-web/studies$",
    "^/dicom%-web/studies/",
    "^/dicom%-web/series$",
    "^/dicom%-web/instances$",
    "^/wado$",
  },
  POST = {},
}

if settings["ViewerMayStore"] == true then
  VIEWER.POST = { "^/dicom%-web/studies$" }
end

local RULES = { gateway = GATEWAY, viewer = VIEWER }

-- A proxy puts these on every request that it passes on, in place of what its client sent. The viewer's own web server, which stands
-- between the proxy and us, takes them off again.
local PASSED_ON = { "x-forwarded-for", "x-real-ip", "x-forwarded-scheme" }

-- What is asked for on 127.0.0.1 of the host arrives from the address of the bridge, which is the container's default gateway.
local function addressesOfTheHost()
  local found = { ["127.0.0.1"] = true }
  local file = io.open("/proc/net/route")
  if not file then return found end
  for line in file:lines() do
    local a, b, c, d = line:match("^%S+%s+00000000%s+(%x%x)(%x%x)(%x%x)(%x%x)%s")
    if a then
      found[string.format("%d.%d.%d.%d", tonumber(d, 16), tonumber(c, 16), tonumber(b, 16), tonumber(a, 16))] = true
    end
  end
  file:close()
  return found
end

local hostAddresses = addressesOfTheHost()

local function isPassedOn(headers)
  for _, name in ipairs(PASSED_ON) do
    if headers[name] ~= nil then return true end
  end
  return false
end

function IncomingHttpRequestFilter(method, uri, ip, username, headers)
  local role = roles[username]
  -- Only the gateway comes from outside. Everybody else's password is worth nothing at the public name.
  if role ~= "gateway" and isPassedOn(headers) then
    return false
  end
  if role == "admin" then
    -- Read again in case the container has been put on another network.
    if not hostAddresses[ip] then hostAddresses = addressesOfTheHost() end
    return hostAddresses[ip] == true
  end
  for _, pattern in ipairs((RULES[role] or {})[method] or {}) do
    if string.find(uri, pattern) then
      return true
    end
  end
  return false
end
