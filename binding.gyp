{
  "targets": [
    {
      "target_name": "krypton",
      "sources": [
        "native/addon.cc",
        "native/aead.cc",
        "native/aes.cc",
        "native/arguments.cc",
        "native/asymmetric-key.cc",
        "native/cipher.cc",
        "native/hmac.cc",
        "native/kdf.cc",
        "native/key-wrap.cc",
        "native/process-hardening.cc",
        "native/random.cc",
        "native/registers.cc",
        "native/secure-memory.cc",
        "native/slots.cc",
        "native/stack.cc",
        "native/exports/asymmetric-keys.cc",
        "native/exports/bytes.cc",
        "native/exports/ciphers.cc",
        "native/exports/macs.cc",
        "native/exports/memory.cc",
        "native/exports/process.cc",
        "native/exports/records.cc",
        "native/exports/secrets.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "OPENSSL_SUPPRESS_DEPRECATED"],
      "cflags": ["-Wall", "-Wextra", "-fvisibility=hidden", "-fstack-protector-strong"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti"],
      "cflags_cc": ["-std=gnu++20", "-fexceptions"],
      # Its memory outlives every environment, so the library stays where it is; a prebuilt one brings its own C++ library.
      "ldflags": ["-Wl,-z,nodelete", "-Wl,-z,relro", "-Wl,-z,now", "-static-libstdc++", "-static-libgcc"]
    }
  ]
}
