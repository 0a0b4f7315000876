package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the kernel reads of an executable file before any of it runs (fs/binfmt_script.c,
 * fs/binfmt_elf.c, elf(5)).
 *
 * @param head how it begins
 * @param format what the kernel would load it as
 * @param interpreter what its {@code #!} line or its ELF file's PT_INTERP names
 */
record Image(byte[] head, Format format, Optional<String> interpreter) {
  /** Formats of this machine. */
  enum Format {
    ELF_64,
    /** Of its 32-bit relative. */
    ELF_32,
    /** A script, or nothing that the kernel loads by itself. */
    OTHER
  }

  private static final int HEAD = 4096;
  private static final int SCRIPT_LINE = 256; // BINPRM_BUF_SIZE
  private static final int PATH_MAX = 4096;

  private static final int MAGIC = 0x7f454c46; // elf.h, as all below; offsets where it has fields
  private static final int SIZE_OF_HEADER = 64;
  private static final int TYPE = 16;
  private static final int MACHINE = 18;
  private static final int ET_EXEC = 2;
  private static final int ET_DYN = 3;
  private static final int EM_64 = Libc.ARM ? 183 : 62; // EM_AARCH64, EM_X86_64
  private static final int EM_32 = Libc.ARM ? 40 : 3; // EM_ARM, EM_386
  private static final int PT_INTERP = 3;
  private static final int LARGEST_TABLE = 65_536; // load_elf_phdrs

  /** Only these delimit, and a name that none ends may be cut off. */
  private static final Pattern SCRIPT = Pattern.compile("#![ \t]*([^ \t\n\0]+)[ \t\n\0]");

  /** Reads some bytes of a file; fewer, or none, where it ends before. */
  interface Reader {
    byte[] read(int length, long offset) throws ErrnoException;
  }

  /** That of a file; empty if we can't read it, though perhaps execute it. */
  static Optional<Image> of(String path) {
    try {
      int fd = Libc.open(path, Libc.O_RDONLY);
      try {
        return Optional.of(of((length, offset) -> Libc.pread(fd, length, offset)));
      } finally {
        Libc.close(fd);
      }
    } catch (ErrnoException notReadable) {
      return Optional.empty();
    }
  }

  static Image of(Reader file) throws ErrnoException {
    byte[] head = file.read(HEAD, 0);
    if (head.length >= SIZE_OF_HEADER && ByteBuffer.wrap(head).getInt(0) == MAGIC) {
      return elf(head, file);
    }
    byte[] line = Arrays.copyOf(head, SCRIPT_LINE); // with NULs after a shorter file, as there
    Matcher script = SCRIPT.matcher(new String(line, StandardCharsets.UTF_8));
    boolean names = script.lookingAt();
    return new Image(head, Format.OTHER, names ? Optional.of(script.group(1)) : Optional.empty());
  }

  private static Image elf(byte[] head, Reader file) throws ErrnoException {
    Image refused = new Image(head, Format.OTHER, Optional.empty());
    ByteBuffer header = littleEndian(head);
    int type = header.getShort(TYPE);
    int machine = header.getShort(MACHINE);
    boolean wide = machine == EM_64;
    int size = wide ? 56 : 32; // of a program header
    int sizes = wide ? 54 : 42; // where the header tells that, and then their number
    int length = size * (header.getShort(sizes + 2) & 0xffff);
    boolean ours = (wide || machine == EM_32) && (type == ET_EXEC || type == ET_DYN);
    if (!ours || header.getShort(sizes) != size || length > LARGEST_TABLE) {
      return refused;
    }
    byte[] table = part(head, file, length, wide ? header.getLong(32) : word(header, 28));
    if (length == 0 || table.length < length) {
      return refused;
    }
    Format format = wide ? Format.ELF_64 : Format.ELF_32;
    ByteBuffer headers = littleEndian(table);
    for (int at = 0; at < length; at += size) {
      if (headers.getInt(at) == PT_INTERP) { // the kernel looks at the first only
        long count = wide ? headers.getLong(at + 32) : word(headers, at + 16);
        long offset = wide ? headers.getLong(at + 8) : word(headers, at + 4);
        byte[] name =
            count < 2 || count > PATH_MAX ? new byte[0] : part(head, file, (int) count, offset);
        boolean whole = name.length > 0 && name.length == count && name[name.length - 1] == 0;
        return whole ? new Image(head, format, Optional.of(text(name))) : refused;
      }
    }
    return new Image(head, format, Optional.empty());
  }

  private static byte[] part(byte[] head, Reader file, int length, long offset)
      throws ErrnoException {
    if (offset < 0 || offset > Long.MAX_VALUE - length) { // EINVAL, in the kernel as well
      return new byte[0];
    }
    return offset <= head.length - length
        ? Arrays.copyOfRange(head, (int) offset, (int) offset + length)
        : file.read(length, offset);
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long word(ByteBuffer buffer, int at) {
    return buffer.getInt(at) & 0xffff_ffffL;
  }

  /** Up to its first NUL. */
  private static String text(byte[] name) {
    String all = new String(name, StandardCharsets.UTF_8);
    return all.substring(0, all.indexOf('\0'));
  }
}
