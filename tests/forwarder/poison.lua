-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- A cloud that dies of one image, as it does of one that needs more memory than it has.

function ReceivedInstanceFilter(tags)
  if tags.ImageComments == 'poison' then os.execute('kill -9 $(cat /tmp/pid)') end
  return true
end
