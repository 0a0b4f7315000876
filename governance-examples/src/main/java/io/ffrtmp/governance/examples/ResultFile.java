package io.ffrtmp.governance.examples;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Where the result goes: a file that is there whole or not at all, or standard output. What exists
 * and is no regular file, such as a FIFO or {@code /dev/null}, is written to and never replaced; so
 * is what a descriptor is open on, as in {@code /dev/stdout} and {@code /dev/fd/3}: others hold it.
 */
final class ResultFile {
  private static final String STANDARD_OUTPUT = "-";

  /** A descriptor's link, which leads to an open file and not to a name (proc_pid_fd(5)). */
  private static final Pattern DESCRIPTOR = Pattern.compile("/proc/\\d+/(task/\\d+/)?fd/\\d+");

  private static final int MOST_LINKS = 40; // path_resolution(7)

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
    if (name.equals(STANDARD_OUTPUT)) {
      return;
    }
    if (name.isEmpty() || name.endsWith("/") || Files.isDirectory(Path.of(name))) {
      throw new IOException("the result can't be written to '" + name + "': name a file");
    }
    Path where = replaces() ? directory(target()) : Path.of(name);
    if (standard().isEmpty() && !Files.isWritable(where)) {
      String why = Files.exists(where) ? " is not writable" : " does not exist";
      throw new IOException("the result can't be written to " + name + ": " + where + why);
    }
  }

  /** Writes the result. */
  void write(String json) throws IOException {
    byte[] line = (json + "\n").getBytes(StandardCharsets.UTF_8);
    Optional<FileDescriptor> standard = standard();
    if (standard.isPresent()) {
      new FileOutputStream(standard.get()).write(line); // at the offset shared with the others
    } else if (replaces()) {
      replace(target(), line);
    } else {
      Files.write(Path.of(name), line, StandardOpenOption.APPEND);
    }
  }

  /** Our own standard output or error, by whichever name. */
  private Optional<FileDescriptor> standard() throws IOException {
    if (name.equals(STANDARD_OUTPUT)) {
      return Optional.of(FileDescriptor.out);
    }
    Optional<Path> link = descriptor();
    if (link.isEmpty() || !link.get().startsWith(Path.of("/proc/self").toRealPath())) {
      return Optional.empty();
    }
    return link.get().endsWith("1")
        ? Optional.of(FileDescriptor.out)
        : link.filter(each -> each.endsWith("2")).map(each -> FileDescriptor.err);
  }

  /** The descriptor's link that the name leads to, if it leads to one. */
  private Optional<Path> descriptor() throws IOException {
    Path path = Path.of(name).toAbsolutePath();
    for (int links = 0; links < MOST_LINKS && Files.isDirectory(directory(path)); links++) {
      Path place = directory(path).toRealPath().resolve(path.getFileName());
      if (DESCRIPTOR.matcher(place.toString()).matches()) {
        return Optional.of(place);
      }
      if (!Files.isSymbolicLink(place)) {
        return Optional.empty();
      }
      path = place.resolveSibling(Files.readSymbolicLink(place));
    }
    return Optional.empty();
  }

  private boolean replaces() throws IOException {
    Path path = Path.of(name);
    return descriptor().isEmpty() && (Files.notExists(path) || Files.isRegularFile(path));
  }

  /** The file itself, where the name is a link to it, be it not there yet. */
  private Path target() throws IOException {
    Path path = Path.of(name);
    for (int links = 0; links < MOST_LINKS && Files.isSymbolicLink(path); links++) {
      path = path.resolveSibling(Files.readSymbolicLink(path));
    }
    return Files.exists(path) ? path.toRealPath() : path;
  }

  private static Path directory(Path file) {
    Path parent = file.getParent();
    return parent == null ? Path.of(".") : parent;
  }

  /** Who could not read it before can't now, where the file system knows of that. */
  private static void keepPrivate(Path file, Path target) {
    try {
      Files.setPosixFilePermissions(file, Files.getPosixFilePermissions(target));
    } catch (IOException | UnsupportedOperationException newOrNotKnown) {
      return;
    }
  }

  private static void replace(Path target, byte[] line) throws IOException {
    String temporary = "." + target.getFileName() + "." + ProcessHandle.current().pid();
    Path file = directory(target).resolve(temporary);
    try {
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        keepPrivate(file, target);
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
