import { createSlice } from "@reduxjs/toolkit";

export const timeline = createSlice({ name: "timeline", initialState: {}, reducers: {} });
