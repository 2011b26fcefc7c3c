-- Copyright: mediverse.pacs contributors
-- GNU General Public License v3.0+ (see LICENSE)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Forwarding as the manual has it: each image is handed over as it arrives, and nobody looks whether it got there.
-- The fault suite runs it to prove that it would notice a forwarder that loses images.

function OnStoredInstance(instanceId)
  pcall(SendToPeer, instanceId, 'cloud')
end
