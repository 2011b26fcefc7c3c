-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What every test file begins with: the forwarder's files, and luaunit under two short names. check.case(name, body),
-- check.equal(found, wanted), and check.run() at the end. Used as: lua <file> <folder of the forwarder>

local unit = require('luaunit')
local check = { equal = unit.assertEquals }

-- In the order in which Orthanc loads them, which the role knows; main begins to work at once, and main_test loads it itself.
local role = assert(io.open(arg[1] .. '/../../vars/main.yml')):read('a')
for name in role:match('__orthanc_windows_gateway_scripts:%s*%[(.-)%]'):gmatch('%w+') do
  if name ~= 'main' then dofile(arg[1] .. '/' .. name .. '.lua') end
end

-- luaunit takes every global that begins with "test". Each begins with the same random numbers, whatever ran before.
local cases = 0
function check.case(name, body)
  assert(not _G['test ' .. name], name .. ' stands twice')
  cases = cases + 1
  _G['test ' .. name] = function() math.randomseed(1) body() end
end

function check.run()
  assert(cases > 0, 'no case')
  os.exit(unit.LuaUnit.run('--output', 'text'))
end

return check
