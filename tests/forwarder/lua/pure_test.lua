-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later

local check = dofile((arg[0]:match('^(.*)/') or '.') .. '/check.lua')
local case, equal = check.case, check.equal
local F = MediverseForwarder

local function rows(first, last)
  local result = {}
  for seq = first, last do result[#result + 1] = { Seq = seq, ID = 'i' .. seq, Date = 'd' .. seq } end
  return result
end
local function all() return true end
local function sizes(list)
  local result = {}
  for index, chunk in ipairs(list) do result[index] = #chunk.ids end
  return result
end

case('a short backlog is spread over the free slots', function()
  equal(sizes(F.chunks.cut(rows(1, 16), 4, 20, 2, all)), { 4, 4, 4, 4 })
end)
case('a long backlog goes out in full batches', function()
  equal(sizes(F.chunks.cut(rows(1, 50), 2, 20, 4, all)), { 20, 20, 10 })
end)
case('nothing is cut finer than the smallest batch, nor wider than the batch', function()
  equal(sizes(F.chunks.cut(rows(1, 8), 8, 20, 4, all)), { 4, 4 })
  equal(sizes(F.chunks.cut(rows(1, 4), 1, 2, 4, all)), { 2, 2 })
end)
case('rows left out move the cursor all the same', function()
  local pieces, skipped = F.chunks.cut(rows(1, 3), 1, 20, 4, function(row) return row.Seq == 1 end)
  equal(skipped, 2)
  equal({ pieces[1].ids[1], pieces[1].last }, { 'i1', 3 })
  local only = F.chunks.cut(rows(1, 3), 1, 20, 4, function() return false end)
  equal({ #only, only[1].done, only[1].last }, { 1, true, 3 })
end)
case('halves keep order, ends and together all images', function()
  local whole = F.chunks.cut(rows(1, 5), 1, 20, 4, all)[1]
  local first, second = F.chunks.halve(whole)
  equal({ first.ids, first.last, second.ids, second.last }, { { 'i1', 'i2' }, 2, { 'i3', 'i4', 'i5' }, 5 })
end)
case('the cursor moves over the settled beginning only', function()
  local window = F.Window.new(0)
  local pieces = F.chunks.cut(rows(1, 12), 3, 4, 4, all)
  for _, chunk in ipairs(pieces) do window:append(chunk) end
  window:settle(pieces[2])
  equal({ window:advance(), window.cursor, window.open }, { false, 0, 2 })
  window:settle(pieces[1])
  equal({ window:advance(), window.cursor, window.cursorId, window.open, #window.list }, { true, 8, 'i8', 1, 1 })
  equal({ window:pending() }, { 4, 'd9' })
end)
case('settled neighbours behind a stuck chunk become one', function()
  local window = F.Window.new(0)
  for _, chunk in ipairs(F.chunks.cut(rows(1, 100), 25, 4, 4, all)) do window:append(chunk) end
  for index = 2, 25 do window:settle(window.list[index]) end
  window:compact()
  equal({ #window.list, window.open }, { 2, 1 })
  window:settle(window.list[1])
  window:advance()
  equal({ window.cursor, #window.list }, { 100, 0 })
end)
case('probes take turns', function()
  local window = F.Window.new(0)
  for _, chunk in ipairs(F.chunks.cut(rows(1, 8), 2, 4, 4, all)) do window:append(chunk) end
  window.list[1].lastTry = 5
  equal(window:leastRecentlyTried().last, 8)
  window.list[2].lastTry = 6
  equal(window:leastRecentlyTried().last, 4)
end)
case('pauses double up to the longest, with jitter', function()
  for _, edge in ipairs({ { 0, { 1, 2, 3, 6, 12, 24, 45, 45 } }, { 1, { 1, 3, 5, 10, 20, 40, 75, 75 } } }) do
    local breaker = F.Breaker.new(60, function() return edge[1] end)
    local delays = {}
    for count = 1, 8 do delays[count] = breaker:delay(count) end
    equal(delays, edge[2])
  end
end)
case('two failures without a success open the breaker, a success closes it', function()
  local breaker = F.Breaker.new(60, function() return 0.5 end)
  equal({ breaker:failure(10), breaker:isOpen() }, { nil, false })
  equal({ breaker:failure(10), breaker:isOpen(), breaker:isPaused(10), breaker:isPaused(11) }, { 1, true, true, false })
  equal(breaker:failure(11), 2)
  breaker:success(13)
  equal({ breaker:isOpen(), breaker:isPaused(13) }, { false, false })
  breaker:failure(14)
  equal({ breaker:failure(15), breaker:isOpen() }, { nil, false })
end)
case('the rate looks back one minute and keeps few samples', function()
  local rate = F.Rate.new(60, 2)
  equal(rate:perSecond() == 0, true)
  for second = 1, 30 do rate:note(second, second * 10) end
  equal(rate:perSecond() == 10, true)
  for second = 31, 1000 do rate:note(second, 300) end
  equal({ rate:perSecond() == 0, #rate.samples <= 32 }, { true, true })
end)
case('settings: defaults are filled in', function()
  local result, problems = F.settings.check({ Destinations = { { Peer = 'cloud', Batch = 50 } } })
  equal(problems, {})
  local first = result.Destinations[1]
  equal({ first.Jobs, first.Batch, first.Compress, first.SkipOrigins }, { 8, 50, false, { 'Lua' } })
end)
case('settings: every mistake is named with its place', function()
  local _, problems = F.settings.check({ Destinations = { { Peer = 'a', Jobs = 0, Batsch = 3, Compress = 'yes', SkipOrigins = 'Lua' }, { Peer = 'a' }, {} }, X = 1 })
  table.sort(problems)
  equal(problems, {
    'MediverseForwarder.Destinations[0] has the unknown setting Batsch',
    'MediverseForwarder.Destinations[0].Compress must be true or false',
    'MediverseForwarder.Destinations[0].Jobs must be a whole number from 1 to 64',
    'MediverseForwarder.Destinations[0].SkipOrigins must be a list of strings',
    'MediverseForwarder.Destinations[1].Peer names a for the second time',
    'MediverseForwarder.Destinations[2].Peer must name a peer of Orthanc',
    'MediverseForwarder.X is an unknown setting',
  })
  local _, missing = F.settings.check(nil)
  equal(#missing, 1)
end)
case('settings: dangerous options of Orthanc are warned of', function()
  local destinations = F.settings.check({ Destinations = { { Peer = 'a' } } }).Destinations
  equal(#F.settings.warnings({ ConcurrentJobs = 10, SaveJobs = false }, destinations), 0)
  equal(#F.settings.warnings({ ConcurrentJobs = 2, MaximumStorageSize = 1 }, destinations), 3)
end)
case('file slots survive a torn write and take turns', function()
  local folder = os.tmpname()
  os.remove(folder)
  os.execute('mkdir ' .. folder)
  local memory = F.memory(folder)
  memory.write('cursor/c', '5 abc')
  memory.write('cursor/c', '9 def')
  equal(F.memory(folder).read('cursor/c'), '9 def')
  for slot = 1, 2 do
    local path = folder .. '/cursor_c.' .. slot
    local file = io.open(path)
    local text = file:read('*a')
    file:close()
    if text:match('9 def') then
      file = io.open(path, 'w')
      file:write(text:sub(1, 4))
      file:close()
    end
  end
  equal(F.memory(folder).read('cursor/c'), '5 abc')
  os.execute('rm -r ' .. folder)
end)

check.run()
