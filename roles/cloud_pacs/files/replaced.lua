-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- No image is replaced in silence. An image that arrives with the SOP Instance UID of another one and other bytes takes its place
-- (decision 0022); this leaves a line in the log and, on the image itself, the metadata "Replaced" with the time and the user.
--
-- Orthanc reports a replacement as the arrival of the image followed by its deletion. After a real deletion it is not there any more.

local METADATA = "4099"   -- "Replaced" in the section UserMetadata

local function metadata(id)
  local ok, text = pcall(RestApiPost, "/tools/bulk-content", DumpJson({ Resources = { id }, Level = "Instance", Metadata = true }), false)
  if not ok or type(text) ~= "string" then return nil end
  local parsed, list = pcall(ParseJson, text)
  return parsed and type(list) == "table" and list[1] and list[1].Metadata
end

function OnDeletedInstance(id)
  local found = metadata(id)
  if not found then return end
  local record = (found.ReceptionDate or "at an unknown time") .. " " .. (found.HttpUsername or "nobody known")
  print("Image " .. id .. " was replaced by another one of the same SOP Instance UID: " .. record)
  pcall(RestApiPut, "/instances/" .. id .. "/metadata/" .. METADATA, record, false)
end
