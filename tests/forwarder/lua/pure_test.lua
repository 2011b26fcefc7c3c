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

case('what waits is shared by all jobs, also by those that are busy now', function()
  equal({ F.chunks.size(320, 32, 20, 4), F.chunks.size(161, 32, 20, 4) }, { 10, 6 })
end)
case('no chunk is smaller than the smallest batch, nor larger than the batch', function()
  equal({ F.chunks.size(8, 8, 20, 4), F.chunks.size(100000, 32, 20, 4) }, { 4, 20 })
end)
case('rows are cut into chunks of that size', function()
  local pieces = F.chunks.cut(rows(1, 10), 4, all)
  equal({ sizes(pieces), pieces[2].last, pieces[3].date }, { { 4, 4, 2 }, 8, 'd9' })
end)
case('rows left out move the cursor all the same', function()
  local pieces, skipped = F.chunks.cut(rows(1, 3), 20, function(row) return row.Seq == 1 end)
  equal(skipped, 2)
  equal({ pieces[1].ids[1], pieces[1].last }, { 'i1', 3 })
  local only = F.chunks.cut(rows(1, 3), 20, function() return false end)
  equal({ #only, only[1].done, only[1].last }, { 1, true, 3 })
end)
case('halves keep order, ends and together all images', function()
  local whole = F.chunks.cut(rows(1, 5), 5, all)[1]
  local first, second = F.chunks.halve(whole)
  equal({ first.ids, first.last, second.ids, second.last }, { { 'i1', 'i2' }, 2, { 'i3', 'i4', 'i5' }, 5 })
end)
case('the cursor moves over the settled beginning only', function()
  local window = F.Window.new(0)
  local pieces = F.chunks.cut(rows(1, 12), 4, all)
  for _, chunk in ipairs(pieces) do window:append(chunk) end
  window:settle(pieces[2])
  equal({ window:advance(), window.cursor, window.open }, { false, 0, 2 })
  window:settle(pieces[1])
  equal({ window:advance(), window.cursor, window.cursorId, window.open, #window.list }, { true, 8, 'i8', 1, 1 })
  equal({ window:pending() }, { 4, 'd9' })
end)
case('settled neighbours behind a stuck chunk become one', function()
  local window = F.Window.new(0)
  for _, chunk in ipairs(F.chunks.cut(rows(1, 100), 4, all)) do window:append(chunk) end
  for index = 2, 25 do window:settle(window.list[index]) end
  window:compact()
  equal({ #window.list, window.open }, { 2, 1 })
  window:settle(window.list[1])
  window:advance()
  equal({ window.cursor, #window.list }, { 100, 0 })
end)
case('probes take turns', function()
  local window = F.Window.new(0)
  for _, chunk in ipairs(F.chunks.cut(rows(1, 8), 4, all)) do window:append(chunk) end
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
  equal({ first.Jobs, first.Batch, first.Compress, first.SkipOrigins }, { 48, 50, false, { 'Lua' } })
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
  equal(#F.settings.warnings({ ConcurrentJobs = 98, SaveJobs = false }, destinations), 0)
  equal(#F.settings.warnings({ ConcurrentJobs = 2, MaximumStorageSize = 1 }, destinations), 3)
end)
case('settings: office hours are off by default, and checked', function()
  local function hoursOf(hours)
    local result, problems = F.settings.check({ Destinations = { { Peer = 'a' } }, OfficeHours = hours })
    table.sort(problems)
    return result.OfficeHours, problems
  end
  equal({ hoursOf(nil) }, { nil, {} })
  local hours, problems = hoursOf({ From = '07:00', To = '19:30', Mbit = 2 })
  equal({ hours.From, hours.To, hours.Mbit, hours.Days, problems }, { '07:00', '19:30', 2, {}, {} })
  local _, wrong = hoursOf({ From = '7', Mbit = 0, Days = { 'mon', 'payday' }, Jobs = 1 })
  equal(wrong, {
    'MediverseForwarder.OfficeHours has the unknown setting Jobs',
    'MediverseForwarder.OfficeHours.Days must be a list of days out of mon, tue, wed, thu, fri, sat, sun',
    'MediverseForwarder.OfficeHours.From must be a time of day such as "07:00"',
    'MediverseForwarder.OfficeHours.Mbit must be a number from 0.1 to 10000',
    'MediverseForwarder.OfficeHours.To is missing',
  })
end)
case('office hours: of the day, over midnight, on some days, or never', function()
  local MON, TUE, SAT, SUN = 2, 3, 7, 1
  local function covers(rules, wday, hour, min)
    return F.Hours.new(rules):covers({ wday = wday, hour = hour, min = min or 0 })
  end
  local day = { From = '07:30', To = '19:00', Mbit = 1, Days = {} }
  equal({ covers(day, SUN, 7, 29), covers(day, SUN, 7, 30), covers(day, MON, 18, 59), covers(day, MON, 19) }, { false, true, true, false })
  local week = { From = '07:30', To = '19:00', Mbit = 1, Days = { 'mon', 'tue' } }
  equal({ covers(week, MON, 12), covers(week, TUE, 12), covers(week, SAT, 12), covers(week, SUN, 12) }, { true, true, false, false })
  local night = { From = '22:00', To = '06:00', Mbit = 1, Days = { 'sat' } }
  equal({ covers(night, SAT, 23), covers(night, SUN, 5), covers(night, SUN, 6), covers(night, SAT, 5), covers(night, MON, 1) },
    { true, true, false, false, false })
  local always = { From = '08:00', To = '08:00', Mbit = 1, Days = {} }
  equal({ covers(always, MON, 7, 59), covers(always, MON, 8) }, { true, true })
  equal(covers(nil, MON, 12), false)
end)
case('the heartbeat is missing when it is late or the clock was set back', function()
  local pulse = F.Pulse.new(1, 1000)
  pulse:heard(1001)
  equal({ pulse:isMissing(1001), pulse:isMissing(1004), pulse:isMissing(1005), pulse:isMissing(1000) }, { false, false, true, true })
  local slow = F.Pulse.new(5, 1000)
  equal({ slow:isMissing(1015), slow:isMissing(1016) }, { false, true })
end)
case('time passes evenly though the clock is moved', function()
  local pulse = F.Pulse.new(1, 1000)
  equal({ pulse:passed(1001), pulse:passed(1001), pulse:passed(1003), pulse:passed(1153) }, { 1, 0, 2, 150 })
  equal({ pulse:passed(9000), pulse:passed(9001), pulse:passed(500), pulse:passed(502) }, { 1, 1, 1, 2 })
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
