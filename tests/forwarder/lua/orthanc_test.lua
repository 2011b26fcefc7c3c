-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What the forwarder concludes from answers of Orthanc's REST API, and from their absence.

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local case, equal = check.case, check.equal
local orthanc = MediverseForwarder.orthanc

-- Stand-ins: an answer is the text of Lua's constructor of its value.
function DumpJson() return 'body' end
function ParseJson(text)
  local make = load('return ' .. text:gsub('%[', '{'):gsub('%]', '}'):gsub('"(%w+)":', '%1='))
  return make and make()
end

local asked
local function answering(text)
  RestApiPost = function(uri, body, builtin)
    asked = { uri, body, builtin }
    if text == 'error' then error('the database is locked') end
    return text
  end
end

case('an image that is missing from a whole list is deleted', function()
  answering('[ {"ID":"a"}, {"ID":"c"} ]\n')
  equal(orthanc.present({ 'a', 'b', 'c' }), { a = true, c = true })
  equal(asked, { '/tools/bulk-content', 'body', false })
  answering('[]')
  equal(orthanc.present({ 'a' }), {})
end)
case('without a whole list nothing is known', function()
  for _, text in ipairs({ 'error', '', '{}', '[ {"ID":"a"}', 'null', false }) do
    answering(text or nil)
    equal(orthanc.present({ 'a', 'b' }), nil)
  end
end)
case('an image that is there tells its UID and its scanner, another one nothing', function()
  answering('[ {"ID":"a", "MainDicomTags":{"SOPInstanceUID":"1.2"}, "Metadata":{"RemoteAET":"CT", "RemoteIP":"10.0.0.1"}} ]')
  equal(orthanc.arrival('a'), { Uid = '1.2', Aet = 'CT', Address = '10.0.0.1' })
  answering('[ {"ID":"a", "MainDicomTags":{"SOPInstanceUID":"1.2"}} ]')
  equal(orthanc.arrival('a'), { Uid = '1.2', Aet = '', Address = '' })
  for _, text in ipairs({ '[]', 'error', '' }) do
    answering(text)
    equal(orthanc.arrival('a'), nil)
  end
end)

check.run()
