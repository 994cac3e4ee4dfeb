// An OpenID provider that we did not write: the npm package `oidc-provider`, with its own pages for signing in.
//
// Usage: provider.cjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI POST_LOGOUT_REDIRECT_URI PEOPLE
//
// PEOPLE is JSON: for each sign-in name the id and the groups of that person. Any password is taken.

"use strict";

const { Provider } = require("oidc-provider");

const [port, clientId, clientSecret, redirectUri, postLogoutRedirectUri, peopleText] = process.argv.slice(2);
const people = JSON.parse(peopleText);

function account(name) {
  const person = people[name];
  if (!person) {
    return undefined;
  }
  const claims = { sub: name, name, preferred_username: name, oid: person.id, groups: person.groups };
  return { accountId: name, claims: async () => claims };
}

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [postLogoutRedirectUri],
    },
  ],
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "oid", "groups"], email: [] },
  // What is asked for with `profile` is in the ID token itself.
  conformIdTokenClaims: false,
  findAccount: async (_context, name) => account(name),
  pkce: { required: () => true },
  cookies: { keys: ["only for this test"] },
});

provider.on("server_error", (_context, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log(`listening on ${port}`));
