package io.ffrtmp.governance.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Where the result goes: a file that is there whole or not at all, or standard output. What exists
 * and is no regular file, such as a FIFO or {@code /dev/null}, is written to and never replaced.
 */
final class ResultFile {
  private static final String STANDARD_OUTPUT = "-";

  private final String name;

  ResultFile(String name) {
    this.name = name;
  }

  /**
   * Makes sure, before anything starts, that the result will have a place.
   *
   * @throws IOException if it could not be written there
   */
  void check() throws IOException {
    Path where = replaces() ? directory(target()) : Path.of(name);
    if (!name.equals(STANDARD_OUTPUT) && !Files.isWritable(where)) {
      throw new IOException(
          "the result can't be written to " + name + ": " + where + " is not writable");
    }
  }

  /** Writes the result. */
  void write(String json, PrintWriter out) throws IOException {
    byte[] line = (json + "\n").getBytes(StandardCharsets.UTF_8);
    if (name.equals(STANDARD_OUTPUT)) {
      out.print(json + "\n");
      out.flush();
    } else if (replaces()) {
      replace(target(), line);
    } else {
      Files.write(Path.of(name), line, StandardOpenOption.WRITE);
    }
  }

  private boolean replaces() {
    Path path = Path.of(name);
    return Files.notExists(path) || Files.isRegularFile(path);
  }

  /** The file itself, where the name is a link to it. */
  private Path target() throws IOException {
    Path path = Path.of(name);
    return Files.exists(path) ? path.toRealPath() : path;
  }

  private static Path directory(Path file) {
    Path parent = file.getParent();
    return parent == null ? Path.of(".") : parent;
  }

  private static void replace(Path target, byte[] line) throws IOException {
    String temporary = "." + target.getFileName() + "." + ProcessHandle.current().pid();
    Path file = directory(target).resolve(temporary);
    try {
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        ByteBuffer buffer = ByteBuffer.wrap(line);
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
        channel.force(true);
      }
      Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(file);
    }
  }
}
