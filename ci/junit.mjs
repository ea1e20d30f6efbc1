// Says whether a JUnit report meets fixtures/junit.xsd: node ci/junit.mjs report.xml
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { validateXML } = createRequire(import.meta.url)("xmllint-wasm");
const schema = new URL("../fixtures/junit.xsd", import.meta.url);
const report = process.argv[2];

const { valid, errors } = await validateXML({
  xml: [{ fileName: report, contents: readFileSync(report, "utf8") }],
  schema: [readFileSync(schema, "utf8")],
});
for (const error of errors) console.error(error.rawMessage);
process.exitCode = valid ? 0 : 1;
