import { expect, it } from "vitest";
import type { User } from "../net/index.ts";
import { matchingPeople } from "./people.ts";

const person = (id: string, name: string): User => ({ id, name });
const people = [person("1", "Rosa"), person("2", "Ada"), person("3", "Adam"), person("4", "Canada")];

it("finds those whose name begins so before those that only have it", () => {
  expect(matchingPeople(people, [], "ADA").map((p) => p.name)).toEqual(["Ada", "Adam", "Canada"]);
});

it("finds by the whole id, and nobody who is in the room", () => {
  expect(matchingPeople(people, [], "1").map((p) => p.name)).toEqual(["Rosa"]);
  expect(matchingPeople(people, [{ user: person("2", "Ada"), role: "member" }], "ada")).toHaveLength(2);
});
