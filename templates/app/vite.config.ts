import { realpathSync } from "node:fs";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  // Inside node_modules it would be shared with other apps, or read-only.
  cacheDir: ".cache/vite",
  server: { fs: { allow: [".", realpathSync("node_modules")] } },
  build: { target: "es2022" },
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: 15_000,
    hookTimeout: 15_000,
  },
});
