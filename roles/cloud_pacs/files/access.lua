-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Who may ask Orthanc for what. Orthanc calls IncomingHttpRequestFilter for every HTTP request of a user whose password was right;
-- false becomes "403 Forbidden". It hands over the real method (HEAD counts as GET, a method override has been applied) and
-- the path without its query, with dots and doubled slashes resolved. What no rule names is refused.
--
-- The section "Mediverse" of the configuration says who is who:
--   "Mediverse": {"Roles": {"<user>": "admin" | "gateway" | "viewer"}, "ViewerMayStore": false}

local settings = GetOrthancConfiguration()["Mediverse"] or {}
local roles = settings["Roles"] or {}

local INSTANCE = "^/instances/[%x%-]+"

-- The forwarder stores and then proves what has arrived: identifiers, tags and checksums, but never the stored file itself.
local GATEWAY = {
  GET = {
    "^/system$",
    "^/statistics$",
    INSTANCE .. "$",
    INSTANCE .. "/statistics$",
    INSTANCE .. "/metadata$",
    INSTANCE .. "/metadata/[%w%-]+$",
    INSTANCE .. "/attachments$",
    INSTANCE .. "/attachments/[%w%-]+/md5$",
    INSTANCE .. "/attachments/[%w%-]+/size$",
    INSTANCE .. "/attachments/[%w%-]+/info$",
  },
  POST = {
    "^/instances$",
    "^/dicom%-web/studies$",
    "^/dicom%-web/studies/[%d%.]+$",
    "^/tools/find$",
    "^/tools/lookup$",
    "^/tools/count%-resources$",
  },
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

function IncomingHttpRequestFilter(method, uri, ip, username, headers)
  local role = roles[username]
  if role == "admin" then
    return true
  end
  for _, pattern in ipairs((RULES[role] or {})[method] or {}) do
    if string.find(uri, pattern) then
      return true
    end
  end
  return false
end
