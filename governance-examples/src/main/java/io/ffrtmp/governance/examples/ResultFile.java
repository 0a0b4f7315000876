package io.ffrtmp.governance.examples;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
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
  private static final int STICKY = 01000; // inode(7)

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
    try {
      Path where = replaces() ? directory(target()) : Path.of(name);
      if (standard().isEmpty() && !Files.isWritable(where)) {
        Files.readAttributes(where, BasicFileAttributes.class); // tells if that is why
        throw new FileSystemException(where.toString(), null, "not writable");
      }
      if (replaces() && heldByAnother(target())) {
        throw new FileSystemException(name, null, "another user's, in a sticky directory");
      }
    } catch (IOException e) {
      throw new IOException("the result can't be written to " + name + ": " + why(e), e);
    }
  }

  /** Whether the result would take the place of that file. */
  boolean replaces(String file) {
    try {
      return !name.equals(STANDARD_OUTPUT) && replaces() && target().equals(target(Path.of(file)));
    } catch (IOException e) { // told by the check
      return false;
    }
  }

  /** What went wrong, without the name of a class. */
  static String why(IOException e) {
    if (e instanceof NoSuchFileException) {
      return e.getMessage() + ": does not exist";
    }
    return e instanceof AccessDeniedException
        ? e.getMessage() + ": permission denied"
        : Optional.ofNullable(e.getMessage()).orElse(e.toString());
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
    return target(Path.of(name));
  }

  private static Path target(Path file) throws IOException {
    Path path = file;
    for (int links = 0; links < MOST_LINKS && Files.isSymbolicLink(path); links++) {
      path = path.resolveSibling(Files.readSymbolicLink(path));
    }
    return Files.exists(path)
        ? path.toRealPath()
        : directory(path).toRealPath().resolve(path.getFileName());
  }

  /** Whether a sticky directory keeps us from renaming over it (rename(2), EPERM). */
  private static boolean heldByAnother(Path target) throws IOException {
    if (Files.notExists(target)) {
      return false;
    }
    Path directory = directory(target);
    Object self = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    List<Object> allowed =
        List.of(
            0, Files.getAttribute(target, "unix:uid"), Files.getAttribute(directory, "unix:uid"));
    boolean sticky = ((int) Files.getAttribute(directory, "unix:mode") & STICKY) != 0;
    return sticky && !allowed.contains(self);
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
    // As short as it can be, whatever the target's name; the time, as pids repeat in containers.
    String temporary = ".ffrtmp." + ProcessHandle.current().pid() + "." + System.nanoTime();
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
