// Api is the REST side. A tab that is signed in apart from the rest of the browser
// keeps its own token, in sessionStorage; else the cookie says who we are.
const tokenName = "confab.token";

export class Api {
  tabOnly = false; // the next sign-in is for this tab only

  get ownToken() { return sessionStorage.getItem(tokenName); }

  forget() { sessionStorage.removeItem(tokenName); }

  async signIn(path, who) {
    this.forget();
    const answer = await this.call("POST", path, who, this.tabOnly ? "omit" : "same-origin");
    if (this.tabOnly) sessionStorage.setItem(tokenName, answer.token);
    return answer;
  }

  get(path) { return this.call("GET", path); }
  post(path, body) { return this.call("POST", path, body); }
  put(path) { return this.call("PUT", path); }
  delete(path) { return this.call("DELETE", path); }

  // call fails with an Error that says why, with the problem's code and status.
  async call(method, path, body, credentials) {
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (this.ownToken) headers.Authorization = "Bearer " + this.ownToken;
    const res = await fetch("/api/v1" + path, {
      method, headers, body: body && JSON.stringify(body),
      credentials: credentials ?? (this.ownToken ? "omit" : "same-origin"),
    });
    const text = await res.text();
    const json = text ? JSON.parse(text) : {};
    if (res.ok) return json;
    throw Object.assign(new Error(json.detail ?? res.statusText), { status: res.status, code: json.code });
  }
}
