import type { CommandAdapterConfig } from './command-adapter-config.js';

/** Commands that keep an archive in a folder, every file compressed (spec: backup-format.md, section 14). */
export function localFolderCommands(folder: string): CommandAdapterConfig {
  return {
    envVars: [{ key: 'FOLDER', value: folder }],
    commands: {
      create_backup: 'mkdir "$FOLDER/$BACKUP_NAME"; echo "$BACKUP_NAME"',
      create_for_write:
        'cd "$FOLDER/$BACKUP_HANDLE"; test ! -e "$FILE_NAME"; ' +
        'echo "$BACKUP_HANDLE/$FILE_NAME"; exec 1>&-; gzip -c > "$FILE_NAME"',
      open_for_read: 'gzip -cd "$FOLDER/$FILE_HANDLE"',
      save_metadata_line:
        'mkdir -p "$FOLDER/metadata"; cd "$FOLDER/metadata"; ' +
        'echo "metadata/$FILE_NAME"; exec 1>&-; gzip -c > "$FILE_NAME"',
      list_metadata_files: 'cd "$FOLDER"; shopt -s nullglob; for file in metadata/*; do echo "$file"; done',
      backup_metadata_file:
        'cd "$FOLDER"; mkdir -p metadata_backup; mv "metadata/$FILE_NAME" metadata_backup/',
    },
  };
}
