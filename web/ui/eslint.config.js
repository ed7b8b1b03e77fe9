import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "max-lines": ["error", { max: 250 }],
    },
  },
  {
    files: ["src/**/*.tsx", "src/**/use*.ts"],
    plugins: { "react-hooks": hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      // Shorthand arrows as handlers are how React is written.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  { files: ["src/i18n/{en,de}.ts"], rules: { "max-lines": "off" } }, // lists of texts
  {
    // The module is published by itself: it knows neither React nor the app around it.
    files: ["src/net/**/*.ts"],
    ignores: ["src/net/**/*.test.ts", "src/net/testing/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ regex: "^(?!\\./)", message: "src/net imports only its own files" }] },
      ],
    },
  },
  {
    files: ["src/live/**/*.ts"],
    ignores: ["src/live/**/*.test.ts", "src/live/testing/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [{ regex: "^(react|@reduxjs|\\.\\./(?!net/))", message: "src/live knows only src/net" }],
        },
      ],
    },
  },
);
