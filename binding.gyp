{
  # node-gyp only knows binding.gyp; CMakeLists.txt is the build. This target compiles nothing: it runs CMake.
  "targets": [
    {
      "target_name": "dimoo",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building with CMake",
          "inputs": ["<!@(node scripts/build.cjs --list-inputs)"],
          "outputs": ["<(PRODUCT_DIR)/dimoo.node"],
          "action": ["node", "scripts/build.cjs", "--out", "<(PRODUCT_DIR)"]
        }
      ]
    }
  ]
}
