-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A minimal test runner: check.case(name, body), check.equal(left, right); check.run() prints one line a case and sets the exit code.
-- Used as: lua <file> <folder of the forwarder>

local check = { cases = {} }

math.randomseed(1)   -- Lua 5.4 would begin with another one each time

for _, name in ipairs({ 'hours', 'settings', 'chunks', 'window', 'breaker', 'memory', 'orthanc', 'parking', 'rate', 'journal', 'status', 'engine', 'watch', 'suspects', 'retention', 'pulse' }) do
  dofile(arg[1] .. '/' .. name .. '.lua')
end

local function show(value)
  if type(value) ~= 'table' then return tostring(value) end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = tostring(key) .. '=' .. show(item) end
  table.sort(parts)
  return '{' .. table.concat(parts, ', ') .. '}'
end

function check.case(name, body) check.cases[#check.cases + 1] = { name = name, body = body } end

function check.equal(left, right)
  if show(left) ~= show(right) then error('expected ' .. show(right) .. ', got ' .. show(left), 2) end
end

function check.run()
  local failed = 0
  for _, case in ipairs(check.cases) do
    local ok, reason = pcall(case.body)
    print((ok and 'ok   ' or 'FAIL ') .. case.name .. (ok and '' or ': ' .. tostring(reason)))
    if not ok then failed = failed + 1 end
  end
  os.exit(failed == 0 and #check.cases > 0 and 0 or 1)
end

return check
