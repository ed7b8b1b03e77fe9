import { expect, it } from "vitest";
import { problemText } from "./problemText.ts";

const failed = (code: string, more = {}) => ({
  status: 400,
  data: { code, detail: "a name has 1 to 64 characters", ...more },
});

it("says in the server's words what to change", () => {
  expect(problemText(failed("invalid"))).toBe("A name has 1 to 64 characters.");
});

it("says when to try again", () => {
  expect(problemText(failed("rate_limited", { retry_after_ms: 4200 }))).toContain("5 seconds");
});

it("prefers the words of the place", () => {
  expect(problemText(failed("unauthenticated"), { unauthenticated: "app.signIn.wrong" })).toContain(
    "password is wrong",
  );
});

it("takes an answer that is not Confab's for none", () => {
  expect(problemText({ status: "FETCH_ERROR" })).toContain("cannot be reached");
  expect(problemText({ status: 502, data: "<html>" })).toContain("cannot be reached");
});

it("has words for a code that it does not know", () => {
  expect(problemText(failed("new_code"))).toContain("went wrong");
});
