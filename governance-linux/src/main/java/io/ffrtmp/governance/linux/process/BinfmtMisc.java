package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.File;
import java.util.HexFormat;

/** The formats that an administrator registered (Documentation/admin-guide/binfmt-misc.rst). */
final class BinfmtMisc {
  private static final String DIRECTORY = "/proc/sys/fs/binfmt_misc/";

  private BinfmtMisc() {}

  /** Whether one of them takes a file with this path and beginning. */
  static boolean knows(String path, byte[] head) {
    String[] entries = new File(DIRECTORY).list();
    for (String entry : entries == null ? new String[0] : entries) {
      try {
        if (matches(Libc.readText(DIRECTORY + entry), path, head)) {
          return true;
        }
      } catch (ErrnoException | IllegalArgumentException unreadable) {
        continue; // such as "register", which is write-only: it knows no format
      }
    }
    return false;
  }

  static boolean matches(String entry, String path, byte[] head) {
    byte[] magic = HexFormat.of().parseHex(field(entry, "magic "));
    byte[] mask = HexFormat.of().parseHex(field(entry, "mask "));
    String extension = field(entry, "extension ");
    if (!entry.startsWith("enabled") || (magic.length == 0 && extension.isEmpty())) {
      return false;
    }
    int offset = magic.length == 0 ? 0 : Integer.parseInt(field(entry, "offset "));
    boolean same =
        magic.length == 0 ? path.endsWith(extension) : offset + magic.length <= head.length;
    for (int i = 0; same && i < magic.length; i++) {
      int care = i < mask.length ? mask[i] : 0xff;
      same = ((head[offset + i] ^ magic[i]) & care) == 0;
    }
    return same;
  }

  private static String field(String entry, String name) {
    return entry
        .lines()
        .filter(line -> line.startsWith(name))
        .findFirst()
        .orElse(name)
        .substring(name.length());
  }
}
