// Print every document that Linear's client can send: a JSON object, by name.
import { LinearDocument } from "@linear/sdk";

const documents = Object.entries(LinearDocument).filter(([name]) => name.endsWith("Document"));
console.log(JSON.stringify(Object.fromEntries(documents.map(([name, text]) => [name, `${text}`]))));
